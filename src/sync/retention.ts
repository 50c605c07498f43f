/**
 * How long history is kept: runs with their timelines and rejected records, and the change feed. What is older than
 * its connection allows is deleted in small batches, by any number of processes at once. Records stay, deleted ones
 * too, and so do open runs and each connection's newest run that is over.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { defaultRetention, type ConnectionInput } from '../config/index.ts';
import type { Db } from '../store/db.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { StreamKey } from './writer.ts';

/** Rows of one transaction. */
const BATCH = 1_000;
/** The same for runs: each takes its streams and their timelines along. */
const RUN_BATCH = 20;
/** Between two batches, in milliseconds: whoever syncs goes first. */
const PAUSE_MS = 50;
/** After this long, in milliseconds, the rest is left to the next time. */
const MAX_MS = 600_000;

export type HistoryKind = 'runs' | 'changes' | 'rejected';
export type HistoryCounts = Record<HistoryKind, number>;

export interface RetentionContext {
  readonly db: Db;
  readonly logger: Logger;
  readonly now: () => number;
  /** aborted when this process stops */
  readonly signal?: AbortSignal;
  readonly onDeleted?: (kind: HistoryKind, count: number) => void;
  /** milliseconds between two batches [50] */
  readonly pauseMs?: number;
}

/** What a stored connection says of its history; the defaults where it is gone, or was stored by an older version. */
export function retentionOf(config: unknown): ConnectionInput['retention'] {
  const given = (config as { readonly retention?: Partial<ConnectionInput['retention']> } | null | undefined)
    ?.retention;
  return { ...defaultRetention, ...given };
}

/**
 * Deletes what is too old. Harmless when repeated, interrupted or done by several at once. Returns how much this
 * process deleted.
 */
export async function applyRetention(context: RetentionContext): Promise<HistoryCounts> {
  const { db, logger } = context;
  const deadline = context.now() + MAX_MS;
  const goesOn = (): boolean => context.signal?.aborted !== true && context.now() < deadline;
  const total: HistoryCounts = { runs: 0, changes: 0, rejected: 0 };
  for (const { connectionId, retention, streams } of await histories(db)) {
    const [runsBefore, changesBefore] = [retention.runsMs, retention.changesMs].map(
      (ms) => new Date(context.now() - ms),
    ) as [Date, Date];
    const counts: HistoryCounts = {
      runs: await inBatches(context, goesOn, RUN_BATCH, () => deleteRuns(db, connectionId, runsBefore)),
      changes: 0,
      rejected: 0,
    };
    for (const stream of streams) {
      const key = { connectionId, stream };
      counts.changes += await inBatches(context, goesOn, BATCH, () => deleteChanges(db, key, changesBefore));
      counts.rejected += await inBatches(context, goesOn, BATCH, () => deleteRejected(db, key, runsBefore));
    }
    for (const kind of ['runs', 'changes', 'rejected'] as const) {
      total[kind] += counts[kind];
      if (counts[kind] > 0) context.onDeleted?.(kind, counts[kind]);
    }
    if (counts.runs + counts.changes + counts.rejected > 0)
      logger.info({ connection: connectionId, ...counts, ...retention }, 'old history was deleted');
    if (!goesOn()) break;
  }
  return total;
}

interface History {
  readonly connectionId: string;
  readonly retention: ConnectionInput['retention'];
  readonly streams: readonly string[];
}

/** Everyone who has any history, connections that were removed included. */
async function histories(db: Db): Promise<History[]> {
  const result = await db.pool.query<{ id: string; config: unknown; streams: string[] }>(
    `select h.id, c.config,
            array(select stream from sluice.streams s where s.connection_id = h.id order by stream) as streams
       from (select connection_id as id from sluice.streams union select connection_id from sluice.runs) h
       left join sluice.connections c on c.id = h.id
      order by h.id`,
  );
  return result.rows.map(({ id, config, streams }) => ({
    connectionId: id,
    retention: retentionOf(config),
    streams,
  }));
}

/** Repeats until a batch isn't full any more. */
async function inBatches(
  { pauseMs = PAUSE_MS, signal }: RetentionContext,
  goesOn: () => boolean,
  full: number,
  deleteBatch: () => Promise<number>,
): Promise<number> {
  let total = 0;
  while (goesOn()) {
    const count = await deleteBatch();
    total += count;
    if (count < full) break;
    await sleep(pauseMs, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
  }
  return total;
}

async function deleteRuns(db: Db, connectionId: string, before: Date): Promise<number> {
  const deleted = await db.pool.query(
    `delete from sluice.runs where id in (
       select id from sluice.runs
        where connection_id = $1 and slot is null and created_at < $2 and coalesce(finished_at, created_at) < $2
          and id <> (select id from sluice.runs where connection_id = $1 and slot is null
                      order by coalesce(finished_at, created_at) desc, id desc limit 1)
        order by created_at, id limit ${RUN_BATCH} for update skip locked)`,
    [connectionId, before],
  );
  return deleted.rowCount ?? 0;
}

/**
 * Deletes the beginning of a feed: never a change after one that stays, so that a reader who isn't told `truncated`
 * has missed nothing. Where the feed begins then is written down under the stream's lock.
 */
async function deleteChanges(db: Db, { connectionId, stream }: StreamKey, before: Date): Promise<number> {
  const values = [connectionId, stream, before];
  const due = await db.pool.query(
    `select 1 from (select changed_at from sluice.changes where connection_id = $1 and stream = $2
                       and seq >= (select first_seq from sluice.streams where connection_id = $1 and stream = $2)
                     order by seq limit 1) oldest
      where changed_at < $3`,
    values,
  );
  if (due.rowCount === 0) return 0;
  return db.tx(async (client) => {
    await client.query(`select 1 from sluice.streams where connection_id = $1 and stream = $2 for update`, [
      connectionId,
      stream,
    ]);
    const deleted = await client.query<{ count: number; newest: string | null }>(
      `with oldest as (
         select seq, changed_at from sluice.changes
          where connection_id = $1 and stream = $2
            and seq >= (select first_seq from sluice.streams where connection_id = $1 and stream = $2)
          order by seq limit ${BATCH}
       ), gone as (
         delete from sluice.changes c using oldest o
          where c.connection_id = $1 and c.stream = $2 and c.seq = o.seq
            and not exists (select 1 from oldest k where k.seq <= o.seq and k.changed_at >= $3)
         returning c.seq
       )
       select count(*)::int as count, max(seq) as newest from gone`,
      values,
    );
    const { count = 0, newest = null } = deleted.rows[0] ?? {};
    if (newest !== null)
      await client.query(
        `update sluice.streams set first_seq = $3 where connection_id = $1 and stream = $2`,
        [connectionId, stream, Number(newest) + 1],
      );
    return count;
  });
}

async function deleteRejected(db: Db, { connectionId, stream }: StreamKey, before: Date): Promise<number> {
  const deleted = await db.pool.query(
    `delete from sluice.rejected_records where rejected_at < $3 and id in (
       select id from sluice.rejected_records where connection_id = $1 and stream = $2
        order by id limit ${BATCH} for update skip locked)`,
    [connectionId, stream, before],
  );
  return deleted.rowCount ?? 0;
}
