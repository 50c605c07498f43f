/**
 * `/live`: server-sent events for pages of the console. An event says that what the page shows has changed; the page
 * reads itself again. All viewers of a process share one look at the database.
 */
import { Hono } from 'hono';
import { streamSSE } from 'hono/streaming';
import { SluiceError } from '../../errors.ts';
import type { LiveTopic, LiveWatch } from '../../sync/live-watch.ts';
import type { WebApp, WebEnv } from '../contract.ts';
import { isPreview } from '../preview.ts';
import { problemResponse } from '../problem.ts';
import type { Sessions } from '../session.ts';

/** Milliseconds between two signs of life: proxies end connections on which nothing comes for a minute. */
const HEARTBEAT_MS = 15_000;
/** Milliseconds after which a browser comes back that lost its connection. */
const RETRY_MS = 3_000;
const MAX_VIEWERS = 200;
/** One browser has six connections to a host, so that this is several people with one session. */
const MAX_VIEWERS_OF_SESSION = 30;

export interface LiveOptions {
  readonly live: LiveWatch;
  readonly now: () => number;
  /** viewers of this process [200] */
  readonly maxViewers?: number | undefined;
}

export function liveRoutes({ live, now, maxViewers = MAX_VIEWERS }: LiveOptions, sessions: Sessions): WebApp {
  const routes = new Hono<WebEnv>();
  const bySession = new Map<string, number>();

  routes.get('/live', async (c) => {
    const session = await sessions.read(c);
    // no way to the login: an event stream can't follow it
    if (session === null)
      return problemResponse(
        c,
        new SluiceError('login_required', 'This needs an operator who is logged in.'),
      );
    const topic = topicOf(c.req.query('topic'));
    const mine = bySession.get(session.id) ?? 0;
    if (live.watching() >= maxViewers || mine >= MAX_VIEWERS_OF_SESSION) {
      c.header('Retry-After', '30');
      return problemResponse(c, new SluiceError('too_many_viewers', 'Too many pages are kept up to date.'));
    }
    // nothing would ever read the stream, nor end it: it would be a viewer for as long as the process lives
    if (isPreview(c)) return c.body(null, 200, { 'Content-Type': 'text/event-stream' });
    // routers in front must not collect what belongs to the page now
    c.header('X-Accel-Buffering', 'no');
    bySession.set(session.id, mine + 1);
    return streamSSE(c, async (stream) => {
      let changed = false;
      let end: 'gone' | 'logged out' | undefined;
      let wake = (): void => undefined;
      const finish = (why: 'gone' | 'logged out'): void => {
        end ??= why;
        wake();
      };
      const stopWatching = live.watch(
        topic,
        () => {
          changed = true;
          wake();
        },
        () => finish('gone'),
      );
      const stopListening = sessions.onClose((id) => {
        if (id === session.id) finish('logged out');
      });
      stream.onAbort(() => finish('gone'));
      try {
        await stream.writeSSE({ event: 'hello', data: '', retry: RETRY_MS });
        // set by whoever calls `finish`
        const isOver = (): boolean => end !== undefined;
        while (!isOver()) {
          const left = session.expiresAt - now();
          if (left <= 0) finish('logged out');
          else if (changed) {
            // what changes while this is on its way is one more change, however often it was
            changed = false;
            await stream.writeSSE({ event: 'changed', data: '' });
          } else {
            const woken = await new Promise<boolean>((resolve) => {
              const timer = setTimeout(() => resolve(false), Math.min(left, HEARTBEAT_MS));
              wake = () => {
                clearTimeout(timer);
                resolve(true);
              };
            });
            if (!woken) await stream.write(': alive\n\n');
          }
        }
        if (end === 'logged out') await stream.writeSSE({ event: 'ended', data: '' });
      } finally {
        stopWatching();
        stopListening();
        const left = (bySession.get(session.id) ?? 1) - 1;
        if (left > 0) bySession.set(session.id, left);
        else bySession.delete(session.id);
      }
    });
  });
  return routes;
}

/** @throws SluiceError `request_invalid` */
function topicOf(text: string | undefined): LiveTopic {
  if (text === 'overview') return 'overview';
  const run = /^run:([\w-]{1,100})$/.exec(text ?? '')?.[1];
  if (run === undefined)
    throw new SluiceError('request_invalid', 'query.topic names nothing that can be watched.');
  return { run };
}
