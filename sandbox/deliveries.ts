/**
 * How a simulated provider delivers webhooks: attempts with the documented pauses, and on demand copies, disorder and
 * silence. Every attempt is logged, so that a test can tell what was acknowledged.
 */

import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';

import { createDraw } from './random.ts';

export interface DeliverySettings {
  /** false: messages are dropped, as by a provider that guarantees nothing; default true */
  enabled: boolean;
  /** deliveries of each message, all at once; default 1 */
  copies: number;
  /** messages that are held back and then sent in random order; default 1 */
  shuffle: number;
  /** share of each documented pause that is really waited, so that a day of retries fits into a test; default 1 */
  timeScale: number;
}

export interface Message {
  /** the provider's id of the event, or another text that tells it from others */
  readonly id: string;
  readonly url: string;
  readonly body: string;
  /** made for each attempt, since a signature covers its time */
  readonly headers: () => Readonly<Record<string, string>>;
}

export interface Attempt {
  readonly id: string;
  readonly url: string;
  /** 1 for the first */
  readonly attempt: number;
  /** null where no answer came in time */
  readonly status: number | null;
}

export interface DeliveryRules {
  /** pauses before the second attempt and each further one, in milliseconds */
  readonly pausesMs: readonly number[];
  /** how long an answer may take, in milliseconds */
  readonly timeoutMs: number;
  /** what an answer means */
  readonly judge: (status: number | null) => 'delivered' | 'again' | 'over';
  /** a message that will not be delivered any more */
  readonly onGivenUp?: (message: Message, status: number | null, attempts: number) => void;
  readonly seed: number;
}

export interface Deliveries {
  /** may be changed at any time */
  readonly settings: DeliverySettings;
  send(message: Message): void;
  /** Sends what is held back for shuffling. */
  flush(): void;
  /** Resolves when nothing is on its way any more. */
  idle(): Promise<void>;
  /** Oldest first. */
  log(): readonly Attempt[];
  close(): Promise<void>;
}

/** Attempts that are remembered. */
const LOG_LENGTH = 20_000;

export function createDeliveries(rules: DeliveryRules): Deliveries {
  const settings: DeliverySettings = { enabled: true, copies: 1, shuffle: 1, timeScale: 1 };
  const stopped = new AbortController();
  // each delivery under way listens, and there may be many
  setMaxListeners(0, stopped.signal);
  const underWay = new Set<Promise<void>>();
  let held: Message[] = [];
  let log: Attempt[] = [];
  let drawn = 0;

  const note = (attempt: Attempt): void => {
    log.push(attempt);
    if (log.length > LOG_LENGTH * 2) log = log.slice(-LOG_LENGTH);
  };

  async function once(message: Message): Promise<number | null> {
    const limit = AbortSignal.any([stopped.signal, AbortSignal.timeout(rules.timeoutMs)]);
    try {
      const answer = await fetch(message.url, {
        method: 'POST',
        headers: { ...message.headers() },
        body: message.body,
        redirect: 'manual',
        signal: limit,
      });
      await answer.arrayBuffer();
      return answer.status;
    } catch {
      return null;
    }
  }

  async function deliver(message: Message): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const status = await once(message);
      if (stopped.signal.aborted) return;
      note({ id: message.id, url: message.url, attempt, status });
      const verdict = rules.judge(status);
      if (verdict === 'delivered') return;
      const pause = rules.pausesMs[attempt - 1];
      if (verdict === 'over' || pause === undefined) {
        rules.onGivenUp?.(message, status, attempt);
        return;
      }
      await delay(pause * settings.timeScale, undefined, { signal: stopped.signal }).catch(() => undefined);
      if (stopped.signal.aborted) return;
    }
  }

  const start = (message: Message): void => {
    for (let copy = 0; copy < Math.max(1, settings.copies); copy++) {
      const done = deliver(message).finally(() => underWay.delete(done));
      underWay.add(done);
    }
  };
  const flush = (): void => {
    const draw = createDraw(rules.seed, 41, drawn++);
    const messages = held;
    held = [];
    while (messages.length > 0) {
      const [message] = messages.splice(draw.int(messages.length), 1);
      if (message !== undefined) start(message);
    }
  };

  return {
    settings,
    send(message) {
      if (!settings.enabled || stopped.signal.aborted) return;
      held.push(message);
      if (held.length >= settings.shuffle) flush();
    },
    flush,
    async idle() {
      while (underWay.size > 0) await Promise.all(underWay);
    },
    log: () => log.slice(-LOG_LENGTH),
    async close() {
      stopped.abort();
      held = [];
      await Promise.all(underWay);
    },
  };
}

/** What the control server offers of it, for every provider that sends webhooks. */
export function deliveryCommands(
  deliveries: Deliveries,
): Readonly<Record<string, (body: Readonly<Record<string, unknown>>) => unknown>> {
  return {
    webhooks: (body) => Object.assign(deliveries.settings, body),
    'webhook-log': () => ({ items: deliveries.log() }),
    'flush-webhooks': () => deliveries.flush(),
  };
}
