/** What a page leaves besides its records, in the same transaction: rejected records, and the keys it named. */
import type pg from 'pg';
import type { RejectedRecord } from './validate-page.ts';
import type { Writer } from './writer.ts';

export async function storeRejected(
  client: pg.PoolClient,
  writer: Writer,
  runId: string,
  partition: string,
  rejected: readonly RejectedRecord[],
): Promise<void> {
  if (rejected.length === 0) return;
  await client.query(
    `insert into sluice.rejected_records (connection_id, stream, run_id, partition, record_id, raw, reason)
     select $1, $2, $3, $4, i.id, decode(i.raw, 'hex'), i.reason from unnest($5::text[], $6::text[], $7::text[]) as i (id, raw, reason)`,
    [
      writer.connectionId,
      writer.stream,
      runId,
      partition,
      rejected.map((record) => record.id),
      rejected.map((record) => record.raw.toString('hex')),
      rejected.map((record) => record.reason),
    ],
  );
}

export async function storeSeen(
  client: pg.PoolClient,
  writer: Writer,
  runId: string,
  page: number,
  keys: readonly string[],
): Promise<void> {
  if (keys.length === 0) return;
  await client.query({
    name: 'store_seen',
    text: `insert into sluice.seen_keys (run_id, stream, page, keys) values ($1, $2, $3, $4)
           on conflict (run_id, stream, page) do update set keys = excluded.keys`,
    values: [runId, writer.stream, page, keys],
  });
}

/** Counts every stored record of a partition as named by this page: for a list that could not be asked for. */
export async function keepPartition(
  client: pg.PoolClient,
  writer: Writer,
  runId: string,
  partition: string,
  page: number,
): Promise<void> {
  const result = await client.query<{ keys: string[] }>(
    `select array_agg(record_id) filter (where record_id is not null) as keys from sluice.records
      where connection_id = $1 and stream = $2 and partition = $3 and deleted_at is null`,
    [writer.connectionId, writer.stream, partition],
  );
  await storeSeen(client, writer, runId, page, result.rows[0]?.keys ?? []);
}
