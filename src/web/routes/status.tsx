/** `/`: the status page, which gives an operator the answer within ten seconds of looking. */
import { Hono } from 'hono';
import { SluiceError } from '../../errors.ts';
import type { WebApp, WebDeps, WebEnv } from '../contract.ts';
import { LATE, withDeadline } from '../deadline.ts';
import { renderPage } from '../layout.tsx';
import { requireSession, type Sessions } from '../session.ts';
import { StatusPage } from '../status-page.tsx';

const REFRESH_SECONDS = 15;

/**
 * Replaces `<main>` by a newer one. Waits while the tab is hidden, or a person has the focus inside or text
 * selected; says so when no newer one can be had.
 */
const refresh = `
(() => {
  const busy = () => document.hidden || String(getSelection()) !== ''
    || document.querySelector('main').contains(document.activeElement);
  const update = async () => {
    if (busy()) return;
    try {
      const answer = await fetch(location.href, { headers: { accept: 'text/html' } });
      if (answer.redirected) return location.reload();
      if (!answer.ok) throw new Error('status ' + answer.status);
      const text = await answer.text();
      const holder = document.createElement('template');
      holder.innerHTML = text.slice(text.indexOf('<main'), text.lastIndexOf('</main>') + 7);
      if (!busy()) document.querySelector('main').replaceWith(holder.content);
    } catch {
      document.getElementById('stale').hidden = false;
    }
  };
  setInterval(update, ${REFRESH_SECONDS * 1000});
})();
`;

export function statusRoutes(deps: WebDeps, sessions: Sessions): WebApp {
  const routes = new Hono<WebEnv>();
  const limitMs = deps.statusTimeoutMs ?? 5000;
  routes.get('/', requireSession(sessions), async (c) => {
    const view = await withDeadline(deps.status(), limitMs);
    if (view === LATE) {
      throw new SluiceError('status_unavailable', `The status was not there within ${limitMs / 1000} s.`);
    }
    const queuesLink = deps.bullBoard !== undefined;
    return c.html(
      renderPage(
        {
          title: 'Overview',
          section: '/',
          nonce: c.get('secureHeadersNonce'),
          session: c.get('session'),
          queuesLink,
          script: refresh,
          refreshSeconds: REFRESH_SECONDS,
        },
        <StatusPage view={view} queuesLink={queuesLink} />,
      ),
    );
  });
  return routes;
}
