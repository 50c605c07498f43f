/**
 * Keeps a page of the console up to date: the server says by an event stream that something changed, and the parts of
 * the page that are marked by `data-live` are taken from a newer reading of it. Without this script each page has a link
 * to a newer reading.
 */
(() => {
  const main = document.querySelector('main[data-topic]');
  const status = document.getElementById('live');
  const refresh = document.getElementById('refresh');
  if (main === null || status === null || refresh === null) return;
  const topic = main.getAttribute('data-topic');
  /** milliseconds between two readings at least: what changes all the time would be read all the time */
  const PACE = topic === 'overview' ? 5000 : 1000;
  const LOST_MS = 5000;
  let source;
  let timer;
  let lastReading = 0;

  const say = (text, isLive) => {
    if (status.textContent !== text) status.textContent = text;
    status.className = isLive ? '' : 'alarm';
    refresh.hidden = isLive;
  };

  /** A person who marks text would lose it. */
  const isMarking = (region) => {
    const selection = getSelection();
    return selection !== null && !selection.isCollapsed && selection.containsNode(region, true);
  };

  const replace = (region, newer) => {
    if (region.innerHTML === newer.innerHTML) return;
    const focused = region.contains(document.activeElement) ? document.activeElement : null;
    const href = focused?.getAttribute('href');
    region.replaceChildren(...newer.childNodes);
    if (href === null || href === undefined) return;
    const again = [...region.querySelectorAll('a')].find((link) => link.getAttribute('href') === href);
    again?.focus({ preventScroll: true });
  };

  const read = async () => {
    timer = undefined;
    lastReading = Date.now();
    try {
      const answer = await fetch(location.href, { headers: { accept: 'text/html' } });
      if (answer.redirected) return location.reload();
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      // the content alone, in a template: a whole document would have its style refused by this one's policy
      const text = await answer.text();
      const holder = document.createElement('template');
      holder.innerHTML = text.slice(text.indexOf('<main'), text.lastIndexOf('</main>') + 7);
      const newer = holder.content;
      const regions = [...main.querySelectorAll('[data-live]')];
      if (regions.some(isMarking)) return later();
      for (const region of regions) {
        const same = newer.querySelector(`[data-live="${region.getAttribute('data-live')}"]`);
        if (same !== null) replace(region, same);
      }
      document.dispatchEvent(new Event('sluice:read'));
      if (newer.querySelector('main[data-topic]') === null) {
        source.close();
        say('It is over: nothing more changes here.', true);
      }
    } catch {
      lost();
    }
  };

  const later = () => {
    timer ??= setTimeout(() => void read(), Math.max(0, lastReading + PACE - Date.now()));
  };

  const lost = () => say('Sluice does not answer. What stands here may be out of date.', false);

  const open = () => {
    source?.close();
    source = new EventSource(`/live?topic=${encodeURIComponent(topic)}`);
    source.addEventListener('hello', () => say('Live', true));
    source.addEventListener('changed', later);
    source.addEventListener('ended', () => {
      source.close();
      say('You are logged out: this page is no longer kept up to date.', false);
    });
    source.addEventListener('error', () => {
      lost();
      // the browser tries again by itself after a lost connection, but not after an answer that is no stream
      if (source.readyState === EventSource.CLOSED) setTimeout(reopen, LOST_MS + Math.random() * LOST_MS);
    });
  };
  const reopen = () => {
    if (document.hidden || source.readyState !== EventSource.CLOSED) return;
    open();
  };

  // a browser has few connections to one host: a page that nobody sees gives its own back
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) source.close();
    else open();
  });
  addEventListener('pagehide', () => source.close());
  open();
})();
