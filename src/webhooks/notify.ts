/**
 * Our own webhooks: what the outbox holds goes to the operator's address, signed as Standard Webhooks, again and again
 * for up to a day and a half, until it answers 2xx. What has waited for too long to be news is set aside instead.
 */
import { reportOf, SluiceError, type ErrorReport } from '../errors.ts';
import type { GuardedFetch } from '../net/contract.ts';
import type { Db } from '../store/db.ts';
import {
  claimNotifications,
  compose,
  noteAttempt,
  skipNotifications,
  type Composed,
  type NotificationRow,
} from '../store/notifications.ts';
import type { Logger } from '../telemetry/logger.ts';
import { standardHeaders } from './standard.ts';

export interface NotifyContext {
  readonly db: Db;
  /** one that may reach the operator's own address, private or not */
  readonly fetch: GuardedFetch;
  readonly url: string;
  /** the bytes of the secret */
  readonly key: Buffer;
  readonly logger: Logger;
  readonly now: () => number;
  readonly random: () => number;
  /** one attempt: `sent`, `retried` later, or `failed` for good; or so many that were `skipped` without one */
  readonly onAttempt?: (
    type: string,
    outcome: 'sent' | 'retried' | 'failed' | 'skipped',
    count?: number,
  ) => void;
}

/** Standard Webhooks, "Retries": pauses after each failed attempt, in milliseconds. Ten attempts in 37 hours. */
const PAUSES_MS = [5, 300, 1_800, 7_200, 18_000, 36_000, 36_000, 18_000, 18_000].map(
  (seconds) => seconds * 1_000,
);
/** The same page: an answer may take 15 to 30 s. */
const TIMEOUT_MS = 15_000;
/** Longer than any attempt lasts, in milliseconds. */
const LEASE_MS = 60_000;
const AT_ONCE = 10;
const LOOK_EVERY_MS = 1_000;
const MAX_BYTES = 64 * 1024;
const SKIP_EVERY_MS = 60_000;
/** How long after it was due a notification is still sent, in milliseconds: a fleet may be down over a weekend. */
const NEWS_MS = 3 * 86_400_000;
/**
 * The same where no address is set, which is shorter: whoever is about to set one gets what happened just now, also when
 * workers with it and without it run side by side for the length of a deploy.
 */
const UNADDRESSED_MS = 10 * 60_000;

interface Answer {
  /** null where none came */
  readonly status: number | null;
  readonly error: ErrorReport | null;
}

/** One signed POST; never throws. */
async function post(context: NotifyContext, { id, body }: Composed): Promise<Answer> {
  try {
    const answer = await context.fetch(context.url, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        ...standardHeaders(context.key, id, context.now(), body),
      },
      body,
      timeoutMs: TIMEOUT_MS,
      maxBytes: MAX_BYTES,
    });
    const { status } = answer;
    if (status >= 200 && status < 300) return { status, error: null };
    const error = new SluiceError('notify_refused', `The receiver answered ${status}.`);
    return { status, error: error.report() };
  } catch (error) {
    return { status: null, error: reportOf(error) };
  }
}

/** Sends what is due. Returns how many were taken. */
export async function sendNotifications(context: NotifyContext): Promise<number> {
  const due = await claimNotifications(context.db, AT_ONCE, { leaseMs: LEASE_MS, overdueMs: NEWS_MS });
  await Promise.all(due.map((row) => attempt(context, row)));
  return due.length;
}

async function attempt(context: NotifyContext, row: NotificationRow): Promise<void> {
  const { status, error } = await post(context, row);
  const pause = PAUSES_MS[row.attempts - 1];
  // 410: "the endpoint is gone"
  const over = error !== null && (pause === undefined || status === 410);
  await noteAttempt(context.db, row.id, {
    status: error === null ? 'sent' : over ? 'failed' : 'pending',
    lastStatus: status,
    error,
    // Between half of it and all: receivers that were away are not met by everything at one moment.
    delayMs: Math.round((pause ?? 0) * (0.5 + context.random() / 2)),
  });
  context.onAttempt?.(row.type, error === null ? 'sent' : over ? 'failed' : 'retried');
  const facts = { notification: row.id, type: row.type, attempt: row.attempts, status };
  if (error === null) context.logger.debug(facts, 'notification sent');
  else context.logger.warn({ ...facts, code: error.code, over }, 'notification not delivered');
}

/** Sends one message now, and says how it went; it stands in no outbox. */
export async function sendTest(
  context: Omit<NotifyContext, 'db' | 'random'>,
  data: Readonly<Record<string, unknown>>,
): Promise<Answer & { readonly id: string }> {
  const message = compose('notify.test', data, new Date(context.now()));
  return { id: message.id, ...(await post(context as NotifyContext, message)) };
}

type SkipContext = Pick<NotifyContext, 'db' | 'logger' | 'onAttempt'>;

/** Sets aside what nobody will be told, and says so in the log. Returns how many. */
export async function skipOverdue(
  context: SkipContext,
  code: 'notify_not_configured' | 'notify_overdue',
): Promise<number> {
  const error =
    code === 'notify_overdue'
      ? new SluiceError(code, 'No worker has sent it for three days.')
      : new SluiceError(code, 'No worker has an address to send it to.');
  const overdueMs = code === 'notify_overdue' ? NEWS_MS : UNADDRESSED_MS;
  const skipped = await skipNotifications(context.db, overdueMs, error.report());
  if (skipped.size === 0) return 0;
  for (const [type, count] of skipped) context.onAttempt?.(type, 'skipped', count);
  const count = [...skipped.values()].reduce((sum, one) => sum + one, 0);
  const facts = { code, count, types: Object.fromEntries(skipped), advice: error.advice };
  // an operator who has set no address knows it
  if (code === 'notify_overdue') context.logger.warn(facts, 'notifications were skipped');
  else context.logger.info(facts, 'notifications were skipped');
  return count;
}

export interface Notifier {
  stop(): Promise<void>;
}

/** Looks every second until it is stopped. */
export function startNotifier(context: NotifyContext): Notifier {
  let skipAt = 0;
  return again(context.logger, LOOK_EVERY_MS, async (stopped) => {
    if (performance.now() >= skipAt) {
      await skipOverdue(context, 'notify_overdue');
      skipAt = performance.now() + SKIP_EVERY_MS;
    }
    while (!stopped() && (await sendNotifications(context)) === AT_ONCE);
  });
}

/** In the place of a notifier where no address is set: nothing piles up until one is. */
export function startSkipping(context: SkipContext): Notifier {
  return again(
    context.logger,
    SKIP_EVERY_MS,
    async () => void (await skipOverdue(context, 'notify_not_configured')),
  );
}

function again(logger: Logger, everyMs: number, work: (stopped: () => boolean) => Promise<void>): Notifier {
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let looking: Promise<void> = Promise.resolve();
  const look = (): void => {
    looking = work(() => stopped)
      .catch((error: unknown) => logger.warn({ err: error }, 'notifications could not be read'))
      .finally(() => {
        if (!stopped) timer = setTimeout(look, everyMs);
      });
  };
  look();
  return {
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await looking;
    },
  };
}
