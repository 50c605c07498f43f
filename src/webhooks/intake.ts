/**
 * The intake: who sent it is checked over the bytes, the bytes are stored under a unique key, and only then the
 * message is acknowledged. Everything else happens later, from the row.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { SluiceError } from '../errors.ts';
import { countDuplicates, newEventId, sha256, storeEvents, type IncomingEvent } from '../store/inbox.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Tracing } from '../telemetry/tracing.ts';
import { createGroupCommit } from './group-commit.ts';
import { identify } from './identity.ts';
import type { Receiver, Receivers } from './receivers.ts';
import { isGenuine, type Presented } from './signature.ts';

export interface Delivery extends Presented {
  /** as it stands in the path */
  readonly connectionId: string;
}

export type RefusalReason = 'unknown_connection' | 'signature' | 'challenge';
export type IntakeOutcome = 'stored' | 'duplicate' | 'refused' | 'unavailable';

export interface Intake {
  /**
   * Stores a message, or finds that it is stored: both are to be acknowledged.
   *
   * @throws SluiceError `webhook_refused` (auth): the signature, the time or the connection is wrong, and nothing
   *   tells which; `webhooks_not_stored` (transient) within two seconds, whatever is in the way
   */
  receive(delivery: Delivery): Promise<void>;
  /**
   * The text with which a challenge is answered.
   *
   * @throws SluiceError as `receive`, also for a challenge that isn't as documented
   */
  echo(delivery: Omit<Delivery, 'body' | 'header'>): Promise<string>;
  /** Waits for what is being committed. */
  close(): Promise<void>;
}

export interface IntakeOptions {
  /** of its own: other work that is busy with the database must not hold up an acknowledgement */
  readonly pool: pg.Pool;
  readonly receivers: Receivers;
  readonly now: () => number;
  readonly logger: Logger;
  /** told after the commit, for each connection that has something new */
  readonly onStored?: (connectionId: string) => void;
  readonly onOutcome?: (provider: string, outcome: IntakeOutcome) => void;
  /** [none] */
  readonly tracing?: Tracing;
  /** why, which its sender isn't told */
  readonly onRefused?: (provider: string, reason: RefusalReason) => void;
}

/** From the last byte of a message to its answer, in milliseconds. */
const LIMIT_MS = 1_900;
/** A refusal is never quicker, in milliseconds: what a cache knows must not show. */
const REFUSAL_MS = 25;
/** Stands in for the scheme of a connection that doesn't exist. */
const decoy: Receiver['definition']['signature'] = {
  scheme: 'hmac-sha256',
  header: 'x-signature',
  encoding: 'hex',
  signs: ['body'],
  key: 'text',
};
/** What needs no escaping anywhere: a challenge is never sent back as anything that a browser could take for a page. */
const HARMLESS = /^[\p{L}\p{N}._~+/=:-]+$/u;

export function createIntake(options: IntakeOptions): Intake {
  const { pool, receivers, now, logger } = options;
  const commits = createGroupCommit<IncomingEvent>({
    commit: async (events) => {
      const fresh = await storeEvents(pool, events);
      await noteDuplicates(events.filter(({ id }) => !fresh.has(id)));
      return events.map(({ id }) => fresh.has(id));
    },
    sizeOf: ({ body }) => body.length,
    onError: (error, items) => logger.warn({ err: error, items }, 'webhooks could not be stored'),
  });

  /** The message is stored: that its copies can't be counted now is no reason to have it sent again. */
  async function noteDuplicates(copies: readonly IncomingEvent[]): Promise<void> {
    if (copies.length === 0) return;
    try {
      for (const eventId of await countDuplicates(pool, copies))
        logger.warn({ eventId }, 'a webhook came again with another body: the first one counts');
    } catch (error) {
      logger.warn({ err: error }, 'duplicates of webhooks could not be counted');
    }
  }

  /** The trace of an event begins with its receipt; one that was stored before has its own already. */
  function trace(event: IncomingEvent, { provider, connectionId }: Receiver, from: number): void {
    const attributes = {
      'sluice.event.id': event.id,
      'sluice.connection.id': connectionId,
      'sluice.provider': provider,
      'sluice.event.bytes': event.body.length,
    };
    options.tracing?.root(
      { event: event.id },
      { name: 'webhook intake', kind: 'producer', from, to: now(), attributes },
    );
  }

  async function find(connectionId: string): Promise<Receiver | undefined> {
    try {
      return await withinLimit(receivers.find(connectionId), LIMIT_MS);
    } catch (error) {
      logger.warn({ err: error, connection: connectionId }, 'the secret of a webhook could not be read');
      options.onOutcome?.('unknown', 'unavailable');
      throw notStored(error);
    }
  }

  async function refuse(
    receiver: Receiver | undefined,
    began: number,
    reason: RefusalReason,
  ): Promise<never> {
    await sleep(Math.max(0, REFUSAL_MS - (performance.now() - began)));
    const provider = receiver?.provider ?? 'unknown';
    options.onOutcome?.(provider, 'refused');
    options.onRefused?.(provider, receiver === undefined ? 'unknown_connection' : reason);
    throw new SluiceError('webhook_refused', 'This message is not accepted.');
  }

  return {
    async receive(delivery) {
      const began = performance.now();
      const receiver = await find(delivery.connectionId);
      const signature = receiver?.definition.signature ?? decoy;
      const genuine = isGenuine(signature, receiver?.secrets ?? [], delivery, now());
      if (receiver === undefined || !genuine) return refuse(receiver, began, 'signature');
      const event = eventOf(receiver, delivery, now());
      try {
        const stored = await withinLimit(commits.add(event), LIMIT_MS - (performance.now() - began));
        options.onOutcome?.(receiver.provider, stored ? 'stored' : 'duplicate');
        if (stored) trace(event, receiver, now() - (performance.now() - began));
        // Also for a copy: the first delivery may have died between its commit and this.
        options.onStored?.(receiver.connectionId);
      } catch (error) {
        options.onOutcome?.(receiver.provider, 'unavailable');
        throw notStored(error);
      }
    },
    async echo(delivery) {
      const began = performance.now();
      const receiver = await find(delivery.connectionId);
      const { echo } = receiver?.definition ?? {};
      for (const parameter of echo?.parameters ?? []) {
        const challenge = delivery.query(parameter);
        if (challenge !== undefined && challenge.length <= (echo?.maxLength ?? 0) && HARMLESS.test(challenge))
          return challenge;
      }
      return refuse(receiver, began, 'challenge');
    },
    close: () => commits.close(),
  };
}

function eventOf(receiver: Receiver, delivery: Delivery, now: number): IncomingEvent {
  const id = newEventId(now);
  const bodyHash = sha256(delivery.body);
  return {
    id,
    connectionId: receiver.connectionId,
    ...identify(receiver.definition.identity, delivery, bodyHash, id),
    body: delivery.body,
    bodyHash,
  };
}

async function withinLimit<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${LIMIT_MS} ms`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

function notStored(error: unknown): SluiceError {
  if (error instanceof SluiceError && error.code === 'webhooks_not_stored') return error;
  return new SluiceError('webhooks_not_stored', 'The message could not be stored now; send it again.', {
    cause: error,
  });
}
