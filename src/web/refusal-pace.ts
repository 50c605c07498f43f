/**
 * Answers to webhooks that nobody signed, at a pace: who floods an endpoint waits for each answer before the next
 * message, and waits longer here than a genuine message does. Genuine ones are never held.
 */
import { setTimeout as pause } from 'node:timers/promises';

/** Answered at once: so many a second, and as many more after a quiet second. */
const AT_ONCE = 100;
/** How long others are held, in milliseconds: half more or less, so that those that came together don't come together again. */
const HELD_MS = 500;
/** Held at a time; those beyond are answered at once, so that waiting costs a bounded memory. */
const HELD_AT_MOST = 1_000;

export interface RefusalPace {
  /** Resolves when a refusal may be answered. */
  turn(): Promise<void>;
}

/** `now` in milliseconds of any clock that only goes forward. */
export function createRefusalPace(now: () => number = () => performance.now()): RefusalPace {
  let allowed = AT_ONCE;
  let asked = now();
  let held = 0;
  return {
    async turn() {
      const moment = now();
      allowed = Math.min(AT_ONCE, allowed + ((moment - asked) * AT_ONCE) / 1000);
      asked = moment;
      if (allowed >= 1) {
        allowed -= 1;
        return;
      }
      if (held >= HELD_AT_MOST) return;
      held += 1;
      await pause(HELD_MS * (0.5 + Math.random()));
      held -= 1;
    },
  };
}
