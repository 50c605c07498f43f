/**
 * What vanished: after a complete pass, the stored records that no page named. Held for a person when it is too
 * much to believe: a provider that answers an empty list by mistake must not empty the mirror.
 */
import type pg from 'pg';
import { SluiceError, type ErrorReport } from '../errors.ts';
import type { Db } from '../store/db.ts';
import { deleteRecords } from './delete-records.ts';
import { lockStream, type Writer } from './writer.ts';

const BATCH = 1_000;
/** Ids that are kept in memory: some megabytes. */
const FOUND_AT_ONCE = 50_000;

export interface DeleteRules {
  /** share of the live records, 0 to 1, above which deletes are held */
  readonly maxShare: number;
  /** and at least this many */
  readonly minRows: number;
}

export interface Vanished {
  readonly live: number;
  readonly vanished: number;
}

/** What a complete pass has not seen. */
export interface Difference extends Vanished {
  /** the first of the vanished, in the order of their ids; all of them unless there are very many */
  readonly first: readonly string[];
}

/**
 * The live records that the pass of this run hasn't seen and nobody wrote since it began. `live` counts all of the
 * stream, and is 0 where nothing vanished: then nobody asks, and the stream need not be read for it.
 */
export async function findVanished(
  db: Db,
  writer: Writer,
  runId: string,
  passBaseSeq: number,
): Promise<Difference> {
  return db.txAfter(
    async (client) => {
      const [, result] = await Promise.all([
        client.query(HASH_ALONE),
        client.query<{ vanished: number; live: number | null; first: string[] | null }>(
          `with vanished as materialized (select r.record_id from ${vanishedFrom()})
           select (select count(*)::int from vanished) as vanished,
                  case when exists (select 1 from vanished) then
                    (select count(*)::int from sluice.records r
                      where r.connection_id = $1 and r.stream = $2 and r.deleted_at is null)
                  end as live,
                  (select array_agg(record_id order by record_id)
                     from (select record_id from vanished order by record_id limit ${FOUND_AT_ONCE}) v) as first`,
          [writer.connectionId, writer.stream, runId, passBaseSeq],
        ),
      ]);
      return result.rows[0];
    },
    async (_client, row) => ({
      vanished: row?.vanished ?? 0,
      live: row?.live ?? 0,
      first: row?.first ?? [],
    }),
  );
}

/**
 * Ids alone leave the subquery, which `offset 0` keeps apart: a join that is larger than the planner believed writes
 * what it was given to temporary files, bodies and all.
 */
const vanishedFrom = (more = ''): string => `
  (select record_id from sluice.records
    where connection_id = $1 and stream = $2 and deleted_at is null and seq <= $4 ${more} offset 0) r
  where not exists (select 1 from (select unnest(keys) as key from sluice.seen_keys where run_id = $3 and stream = $2) k
                     where k.key = r.record_id)`;

/**
 * Nothing tells the planner how many keys a page holds, and it has taken a nested loop for them: 6,000 records of 60
 * pages took 1.4 s, and ten times as many would have taken a hundred times as long. A hash join goes to disk where it
 * must, and grows as the number of records does.
 */
const HASH_ALONE = `select set_config('enable_nestloop', 'off', true), set_config('enable_mergejoin', 'off', true)`;

/** True where a person should look first. Emptying a stream that had records always is. */
export function mustHold({ live, vanished }: Vanished, rules: DeleteRules): boolean {
  if (vanished === 0) return false;
  if (vanished === live) return true;
  return vanished > live * rules.maxShare && vanished > rules.minRows;
}

/** Why a run is held, with the command that allows its deletes once. */
export function heldReport(connectionId: string, stream: string, { live, vanished }: Vanished): ErrorReport {
  return new SluiceError(
    'deletes_held',
    `${vanished} of ${live} records of ${stream} are no longer at the source.`,
    {
      advice: `Check the source; if the deletes are right, allow them once with \`sluice sync ${connectionId} --stream ${stream} --allow-deletes\`.`,
    },
  ).report();
}

/**
 * Deletes what vanished, in batches, each under the lease. Returns how many. `onBatch` runs in its transaction.
 *
 * The set difference costs as much as the stream is long, so it is made for many batches at a time, and what was found
 * already is not looked for again; each batch looks once more whether somebody has written its records since.
 */
export async function deleteVanished(
  db: Db,
  writer: Writer,
  runId: string,
  passBaseSeq: number,
  { first, vanished }: Difference,
  signal: AbortSignal,
  onBatch: (client: pg.PoolClient, count: number) => Promise<void>,
): Promise<number> {
  let total = 0;
  let found = first;
  let isLast = found.length === vanished;
  for (;;) {
    for (let from = 0; from < found.length; from += BATCH) {
      signal.throwIfAborted();
      const ids = found.slice(from, from + BATCH);
      total += await db.tx(async (client) => {
        const lastSeq = await lockStream(client, writer);
        const still = await client.query<{ record_id: string }>(
          `select record_id from sluice.records
            where connection_id = $1 and stream = $2 and record_id = any($3::text[]) and seq <= $4`,
          [writer.connectionId, writer.stream, ids, passBaseSeq],
        );
        const gone = still.rows.map((row) => ({ id: row.record_id, version: null }));
        if (gone.length === 0) return 0;
        const deleted = await deleteRecords(client, writer, gone, lastSeq);
        await onBatch(client, deleted);
        return deleted;
      });
    }
    if (isLast) return total;
    found = await vanishedAfter(db, writer, runId, passBaseSeq, found.at(-1) ?? '');
    isLast = found.length < FOUND_AT_ONCE;
  }
}

/** Ids of vanished records beyond `after`, in their order. */
async function vanishedAfter(
  db: Db,
  writer: Writer,
  runId: string,
  passBaseSeq: number,
  after: string,
): Promise<string[]> {
  return db.tx(async (client) => {
    await client.query(HASH_ALONE);
    const result = await client.query<{ record_id: string }>(
      `select r.record_id from ${vanishedFrom('and record_id > $5')}
        order by r.record_id limit ${FOUND_AT_ONCE}`,
      [writer.connectionId, writer.stream, runId, passBaseSeq, after],
    );
    return result.rows.map((row) => row.record_id);
  });
}
