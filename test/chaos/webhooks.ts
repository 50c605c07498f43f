/**
 * Webhooks as load: about a hundred a second, of what the sources hold and what has vanished from them, in any order and
 * some of them twice. Each is sent until it is acknowledged, and what was acknowledged is written down.
 */
import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { luccaEvent, luccaSignature } from '../support/lucca-messages.ts';
import type { Load } from './contract.ts';
import { EDITED, resourceOf, streamOf, type ChaosFleet } from './fleet.ts';
import type { Random } from './random.ts';

const EVERY_MS = 50;
/** 100 a second */
const AT_ONCE = 5;
/** No new ones while so many wait to be applied: a machine that is too slow would not come to an end. */
const MOST_OPEN = 2_000;
/** No new ones while so many have not been acknowledged. */
const MOST_UNACKNOWLEDGED = 500;
const SNAPSHOT_MS = 2_000;
const RETRY_MS = 200;
/** An answer is due within two seconds; a machine at its end may need longer. */
const ATTEMPT_MS = 15_000;
/** of a hundred messages: those of Floriday, which ask for a sync, and those that are sent once more */
const FLORIDAY_SHARE = 4;
const REPEATED_SHARE = 10;

/** `<resource>` of Lucca's topics, by stream */
const TOPIC: Readonly<Record<string, string>> = {
  employees: 'employee',
  departments: 'department',
  leaves: 'leave',
};

interface Message {
  readonly id: string;
  readonly connectionId: string;
  readonly path: string;
  readonly body: string;
  /** of one attempt: signatures hold the time */
  readonly headers: () => Record<string, string>;
}

/** What a source says about one record. */
interface News {
  readonly topic: string;
  readonly at: string;
  readonly data: unknown;
}

export function webhooks(): Load {
  const counts = { webhooks: 0, webhookCopies: 0, webhooksPutOff: 0, webhooksCut: 0, webhookPauses: 0 };
  let unacknowledged = 0;

  async function deliver(fleet: ChaosFleet, message: Message, signal: AbortSignal): Promise<void> {
    const { deliveries } = fleet;
    unacknowledged += 1;
    try {
      do {
        deliveries.underWay += 1;
        const status = await attempt(fleet, message).finally(() => (deliveries.underWay -= 1));
        if (status === 200) {
          deliveries.acknowledged.set(message.id, message.connectionId);
          return;
        }
        if (status === 503) counts.webhooksPutOff += 1;
        // killed, or not there yet
        else if (status === undefined) counts.webhooksCut += 1;
        else deliveries.wrongAnswers.push(`${message.connectionId} ${message.id}: ${status}`);
        await sleep(RETRY_MS, undefined, { signal }).catch(() => undefined);
      } while (!signal.aborted);
    } finally {
      unacknowledged -= 1;
    }
  }

  return {
    name: 'webhooks',
    counts: () => counts,
    async run(fleet, random, signal) {
      // each sender, and the looks at the sources, listen to it
      setMaxListeners(0, signal);
      const news = followNews(fleet, signal);
      const backlog = followBacklog(fleet, signal);
      const sending = new Set<Promise<void>>();
      const send = (message: Message): void => {
        const sent = deliver(fleet, message, signal).finally(() => sending.delete(sent));
        sending.add(sent);
      };
      while (!signal.aborted) {
        const isFull = backlog.open > MOST_OPEN || unacknowledged > MOST_UNACKNOWLEDGED;
        if (isFull) counts.webhookPauses += 1;
        const number = isFull || news.edited.length === 0 ? 0 : AT_ONCE;
        for (let at = 0; at < number; at += 1) {
          const message =
            random.int(100) < FLORIDAY_SHARE
              ? floridayMessage(fleet, random)
              : luccaMessage(fleet, random, random.pick(random.int(2) === 0 ? news.edited : news.all));
          counts.webhooks += 1;
          send(message);
          if (random.int(100) < REPEATED_SHARE) {
            counts.webhookCopies += 1;
            send(message);
          }
        }
        await sleep(EVERY_MS, undefined, { signal }).catch(() => undefined);
      }
      await Promise.all([...sending, news.over, backlog.over]);
    },
  };
}

/** Status of one attempt, undefined where there was no answer. */
async function attempt(fleet: ChaosFleet, message: Message): Promise<number | undefined> {
  try {
    const answer = await fetch(`${fleet.web.current.url}${message.path}`, {
      method: 'POST',
      headers: message.headers(),
      body: message.body,
      signal: AbortSignal.timeout(ATTEMPT_MS),
    });
    await answer.arrayBuffer();
    return answer.status;
  } catch {
    return undefined;
  }
}

/**
 * What the source said some moments ago, so that part of it has been overtaken when it is sent: all that it had, and what
 * had just been edited.
 */
function followNews(
  fleet: ChaosFleet,
  signal: AbortSignal,
): { readonly all: News[]; readonly edited: News[]; readonly over: Promise<void> } {
  const [all, edited]: [News[], News[]] = [[], []];
  const known = new Map<string, ReadonlyMap<string, unknown>>();
  const look = async (): Promise<void> => {
    while (!signal.aborted) {
      const found: { readonly news: News; readonly isNew: boolean }[] = [];
      for (const name of EDITED.lucca) {
        const at = new Date().toISOString();
        const resource = resourceOf(streamOf('lucca', name));
        const { items } = await fleet.control<{ items: { id: unknown }[] }>('lucca', 'state', { resource });
        const current = new Map(items.map((item) => [String(item.id), item]));
        const topic = TOPIC[name] ?? name;
        const before = known.get(name);
        for (const [id, data] of current) {
          const isNew = before !== undefined && !isDeepStrictEqual(before.get(id), data);
          found.push({ news: { topic: `${topic}.updated`, at, data }, isNew });
        }
        for (const id of before?.keys() ?? [])
          if (!current.has(id))
            found.push({ news: { topic: `${topic}.deleted`, at, data: { id } }, isNew: true });
        known.set(name, current);
      }
      all.splice(0, all.length, ...found.map(({ news }) => news));
      edited.splice(0, edited.length, ...found.flatMap(({ news, isNew }) => (isNew ? [news] : [])));
      await sleep(SNAPSHOT_MS, undefined, { signal }).catch(() => undefined);
    }
  };
  return { all, edited, over: look() };
}

function followBacklog(
  fleet: ChaosFleet,
  signal: AbortSignal,
): { open: number; readonly over: Promise<void> } {
  const backlog = { open: 0, over: Promise.resolve() };
  const look = async (): Promise<void> => {
    while (!signal.aborted) {
      // Postgres may be away: then nothing is acknowledged either
      backlog.open = await openEvents(fleet).catch(() => backlog.open);
      await sleep(1_000, undefined, { signal }).catch(() => undefined);
    }
  };
  backlog.over = look();
  return backlog;
}

/** Events that wait to be applied. */
export async function openEvents(fleet: ChaosFleet): Promise<number> {
  const result = await fleet.runtime.db.pool.query<{ open: number }>(
    `select count(*)::int as open from sluice.webhook_events where status in ('received', 'queued', 'waiting')`,
  );
  return result.rows[0]?.open ?? 0;
}

function luccaMessage(fleet: ChaosFleet, random: Random, { topic, at, data }: News): Message {
  const connectionId = connectionOf(fleet, random, 'lucca');
  const id = randomUUID();
  const { links: _links, ...record } = data as Readonly<Record<string, unknown>>;
  const body = luccaEvent({ id, topic, occurredAt: at, data: record });
  const headers = (): Record<string, string> => luccaSignature(body, fleet.webhookSecret);
  return { id, connectionId, path: `/webhooks/${connectionId}`, body, headers };
}

function floridayMessage(fleet: ChaosFleet, random: Random): Message {
  const connectionId = connectionOf(fleet, random, 'floriday');
  const id = randomUUID();
  const event = { aggregateType: 'BATCH', aggregateId: randomUUID(), eventType: 'QUANTITY_CHANGED' };
  const body = JSON.stringify({ Type: 'Notification', MessageId: id, Message: JSON.stringify(event) });
  const headers = (): Record<string, string> => ({ 'content-type': 'text/plain' });
  return { id, connectionId, path: `/webhooks/${connectionId}?key=${fleet.webhookSecret}`, body, headers };
}

function connectionOf(fleet: ChaosFleet, random: Random, wanted: 'lucca' | 'floriday'): string {
  return random.pick(fleet.connections.filter(({ provider }) => provider === wanted)).id;
}
