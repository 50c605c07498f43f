/**
 * Walks through a simulated provider's login and consent pages as a person with a browser would, in plain fetch: for the
 * demo and the tests.
 */

export interface Consent {
  /** id or address of the account that signs in; default: the first one of the list */
  readonly account?: string;
  /** says no on the consent page */
  readonly deny?: boolean;
}

interface Cookie {
  readonly origin: string;
  readonly path: string;
  readonly name: string;
  readonly value: string;
}

/** Enough of RFC 6265 for one walk: cookies by origin, path and name, deleted ones left out. */
class CookieJar {
  #cookies: Cookie[] = [];

  store(url: URL, headers: Headers): void {
    for (const line of headers.getSetCookie()) {
      const [pair = '', ...attributes] = line.split(';').map((part) => part.trim());
      const at = pair.indexOf('=');
      const [name, value] = [pair.slice(0, at), pair.slice(at + 1)];
      const attribute = (wanted: string): string | undefined =>
        attributes.find((one) => one.toLowerCase().startsWith(`${wanted}=`))?.slice(wanted.length + 1);
      const path = attribute('path') ?? '/';
      this.#cookies = this.#cookies.filter(
        (one) => one.name !== name || one.path !== path || one.origin !== url.origin,
      );
      const isOver = value === '' || Date.parse(attribute('expires') ?? '') < Date.now();
      if (!isOver) this.#cookies.push({ origin: url.origin, path, name, value });
    }
  }

  header(url: URL): Record<string, string> {
    const own = this.#cookies.filter(
      ({ origin, path }) =>
        origin === url.origin &&
        (path === '/' || url.pathname === path || url.pathname.startsWith(`${path.replace(/\/$/, '')}/`)),
    );
    if (own.length === 0) return {};
    return { cookie: own.map(({ name, value }) => `${name}=${value}`).join('; ') };
  }
}

function unescape(text: string): string {
  return text
    .replaceAll(/&#(\d+);/g, (_whole, code: string) => String.fromCharCode(Number(code)))
    .replaceAll('&amp;', '&');
}

interface Form {
  readonly action: string;
  readonly options: readonly { readonly value: string; readonly text: string }[];
  readonly decisions: readonly string[];
}

/** The form of a page; undefined where it has none. */
function readPage(html: string): Form | undefined {
  const action = /<form method="post" action="([^"]*)">/.exec(html)?.[1];
  if (action === undefined) return undefined;
  const select = /<select name="account">(.*?)<\/select>/s.exec(html)?.[1] ?? '';
  const options = Array.from(select.matchAll(/<option value="([^"]*)">([^<]*)</g), ([, value, text]) => ({
    value: unescape(value ?? ''),
    text: unescape(text ?? ''),
  }));
  const buttons = html.matchAll(/<button type="submit" name="decision" value="([^"]*)">/g);
  return { action: unescape(action), options, decisions: Array.from(buttons, ([, value]) => value ?? '') };
}

function fillIn(form: Form, { account, deny = false }: Consent): URLSearchParams {
  const fields = new URLSearchParams();
  if (form.options.length > 0) {
    const chosen =
      account === undefined
        ? form.options[0]
        : form.options.find(({ value, text }) => value === account || text.includes(`(${account})`));
    if (chosen === undefined) throw new Error(`nobody can sign in as '${account}'`);
    fields.set('account', chosen.value);
  }
  const isConsent = form.decisions.includes('allow');
  fields.set('decision', isConsent ? (deny ? 'deny' : 'allow') : (form.decisions[0] ?? ''));
  return fields;
}

const MAX_STEPS = 20;

/**
 * Opens an authorization URL (or a link that leads to one), signs in, answers the consent page, and returns the URL of the
 * application's callback that the browser would go to then. That one is not opened.
 *
 * @throws Error when a page isn't one that a person could answer, such as the error page for a wrong redirect_uri
 */
export async function walkConsent(authorizationUrl: string, consent: Consent = {}): Promise<string> {
  return (await walk(authorizationUrl, consent)).callback.href;
}

/** The same to its end: opens the callback too, in the same browser. Returns the status and the text of what it answers. */
export async function giveConsent(
  authorizationUrl: string,
  consent: Consent = {},
): Promise<{ status: number; text: string }> {
  const { callback, jar } = await walk(authorizationUrl, consent);
  const answer = await fetch(callback, { redirect: 'manual', headers: jar.header(callback) });
  return { status: answer.status, text: await answer.text() };
}

async function walk(authorizationUrl: string, consent: Consent): Promise<{ callback: URL; jar: CookieJar }> {
  const jar = new CookieJar();
  let url = new URL(authorizationUrl);
  let callback: string | undefined;
  let body: URLSearchParams | undefined;
  for (let step = 0; step < MAX_STEPS; step++) {
    callback = url.searchParams.get('redirect_uri') ?? callback;
    const response = await fetch(url, {
      redirect: 'manual',
      headers: jar.header(url),
      ...(body === undefined ? {} : { method: 'POST', body }),
    });
    jar.store(url, response.headers);
    const location = response.headers.get('location');
    const text = await response.text();
    if (location !== null) {
      url = new URL(location, url);
      body = undefined;
      if (callback !== undefined && isAt(url, callback)) return { callback: url, jar };
      continue;
    }
    const form = response.status === 200 ? readPage(text) : undefined;
    if (form === undefined) {
      const seen = text.replaceAll(/<style>.*?<\/style>|<[^>]*>/gs, ' ').trim();
      throw new Error(`${url.pathname} answered ${response.status}: ${seen.slice(0, 300)}`);
    }
    body = fillIn(form, consent);
    url = new URL(form.action, url);
  }
  throw new Error(`the consent did not end within ${MAX_STEPS} steps`);
}

/** Whether a URL is the callback with parameters of its own added. */
function isAt(url: URL, callback: string): boolean {
  const target = new URL(callback);
  return url.origin === target.origin && url.pathname === target.pathname;
}
