/**
 * Renews tokens that are in use shortly before their end, so that nobody has to wait. Each process looks after the
 * tokens that it hands out; the lock of the single flight lets one of them send the request. A token that nobody
 * has asked for lately is left to expire.
 */
import { renewalDue, type Lifespan } from './lifetime.ts';
import type { TokenSubject } from './contract.ts';
import type { TokenIdentity } from './identity.ts';

/** A token counts as in use for this long after it was handed out, or for a quarter of its life where that is less. */
const IN_USE_MS = 5 * 60_000;
/** Before the next attempt, where the last one failed and named no moment, or another process is at it. */
const TRY_AGAIN_MS = 1_000;
/** The processes of a fleet know the same moment: spread, most of them find the new token already there. */
const SPREAD_MS = 1_000;
/** Longer timers fire at once (Node: 2^31 - 1 ms). */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
const MAX_TOKENS = 1_000;

export interface Renewals {
  /** Notes that a token was handed out, and begins its renewal where that is due. Cheap: it is called for each hit. */
  used(id: TokenIdentity, subject: TokenSubject, token: Lifespan): void;
  /** The token was rejected, or is of no more use. */
  forget(key: string): void;
  forgetFlow(flow: string): void;
  close(): void;
}

export interface RenewalOptions {
  readonly now: () => number;
  /** 0 (included) to 1 (excluded) */
  readonly random: () => number;
  /**
   * Renews for the fleet. Resolves with the token that is there then, new or not.
   *
   * @throws whatever stands in the way, with `details.retryAt` where a moment is known
   */
  readonly renew: (id: TokenIdentity, subject: TokenSubject) => Promise<Lifespan>;
}

interface Use {
  readonly id: TokenIdentity;
  readonly subject: TokenSubject;
  token: Lifespan;
  dueAt: number;
  usedAt: number;
  /** no attempt before this moment */
  pausedUntil: number;
  running: boolean;
  timer?: NodeJS.Timeout;
}

export function createRenewals({ now, random, renew }: RenewalOptions): Renewals {
  const uses = new Map<string, Use>();
  let closed = false;

  function drop(use: Use | undefined): void {
    if (use === undefined) return;
    clearTimeout(use.timer);
    if (uses.get(use.id.key) === use) uses.delete(use.id.key);
  }

  function begin(id: TokenIdentity, subject: TokenSubject, token: Lifespan): Use {
    if (uses.size >= MAX_TOKENS) {
      for (const oldest of uses.values()) {
        drop(oldest);
        break;
      }
    }
    const use = { id, subject, token, dueAt: 0, usedAt: now(), pausedUntil: 0, running: false };
    uses.set(id.key, use);
    take(use, token);
    return use;
  }

  function take(use: Use, token: Lifespan): void {
    use.token = token;
    use.dueAt = renewalDue(token);
    setAlarm(use);
  }

  /**
   * A `per-flow` token is renewed by the use that its flow makes of it: whether the flow still runs is known elsewhere,
   * and one that has ended must cause no request.
   */
  function setAlarm(use: Use): void {
    clearTimeout(use.timer);
    if (closed || use.id.flow !== null) return;
    const spread = random() * Math.min(SPREAD_MS, (use.token.expiresAt - use.dueAt) / 4);
    const delay = Math.max(use.dueAt, use.pausedUntil) - now() + spread;
    use.timer = setTimeout(() => wake(use), Math.min(Math.max(delay, 0), LONGEST_TIMER_MS));
    use.timer.unref();
  }

  function wake(use: Use): void {
    const time = now();
    if (time < use.dueAt || time < use.pausedUntil) return setAlarm(use);
    const lifetime = use.token.expiresAt - use.token.obtainedAt;
    const isIdle = time - use.usedAt > Math.min(IN_USE_MS, lifetime / 4);
    if (isIdle || time >= use.token.expiresAt) return drop(use);
    start(use);
  }

  function start(use: Use): void {
    if (use.running || closed) return;
    use.running = true;
    renew(use.id, use.subject)
      .then(
        (token) => {
          use.pausedUntil = now() + TRY_AGAIN_MS;
          if (uses.get(use.id.key) === use) take(use, token);
        },
        (error: unknown) => {
          use.pausedUntil = retryAtOf(error) ?? now() + TRY_AGAIN_MS;
          if (uses.get(use.id.key) === use) setAlarm(use);
        },
      )
      .finally(() => {
        use.running = false;
      });
  }

  return {
    used(id, subject, token) {
      // without a life it is due at once, and would cost a second request each time
      if (token.expiresAt <= token.obtainedAt) return;
      const use = uses.get(id.key) ?? begin(id, subject, token);
      const time = now();
      use.usedAt = time;
      if (use.token !== token) take(use, token);
      if (time >= use.dueAt && time >= use.pausedUntil) start(use);
    },
    forget: (key) => drop(uses.get(key)),
    forgetFlow(flow) {
      for (const use of uses.values()) if (use.id.flow === flow) drop(use);
    },
    close() {
      closed = true;
      for (const use of uses.values()) clearTimeout(use.timer);
      uses.clear();
    },
  };
}

function retryAtOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('details' in error)) return undefined;
  const { details } = error;
  if (typeof details !== 'object' || details === null || !('retryAt' in details)) return undefined;
  return typeof details.retryAt === 'number' ? details.retryAt : undefined;
}
