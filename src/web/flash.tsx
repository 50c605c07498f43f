/** One sentence that the page after an action shows, once: `Paused.` */
import type { Context } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import type { WebEnv } from './contract.ts';
import { isPreview } from './preview.ts';

/** The cookie names one of these, so that nothing but our own words can be brought onto a page. */
const SENTENCES = {
  added: 'Added.',
  allowed: 'A run was asked for that may delete.',
  asked: 'A run was asked for.',
  cancelled: 'The run is cancelled.',
  'already-over': 'The run was over already.',
  'ends-soon': 'The run ends with the page that is being read.',
  changed: 'Changed.',
  paused: 'Paused: nothing runs by schedule until somebody resumes it.',
  resumed: 'Resumed.',
  reset: 'Reset: the next run reads from the beginning.',
  registered: 'Registered at the provider.',
  removed: 'Removed.',
  replayed: 'The event is applied again.',
  resent: 'The notification is sent again.',
} as const;

export type FlashName = keyof typeof SENTENCES;

const COOKIE = 'sluice_flash';
const SECONDS = 60;

export function setFlash(c: Context<WebEnv>, name: FlashName): void {
  setCookie(c, COOKIE, name, { path: '/', httpOnly: true, sameSite: 'Lax', maxAge: SECONDS });
}

/** The sentence for this page, where one waits; it is shown once, and waits on where nobody reads the page. */
export function takeFlash(c: Context<WebEnv>): string | undefined {
  if (isPreview(c)) return undefined;
  const name = getCookie(c, COOKIE);
  if (name === undefined) return undefined;
  deleteCookie(c, COOKIE, { path: '/' });
  return Object.hasOwn(SENTENCES, name) ? SENTENCES[name as FlashName] : undefined;
}

export function Flash({ text }: { text: string | undefined }) {
  if (text === undefined) return <></>;
  return (
    <div class="wide">
      <p class="notice" role="status">
        {text}
      </p>
    </div>
  );
}
