/**
 * The lease of a stream: who may write it now. Every acquisition raises the fence, and a page is committed only
 * while its fence is the newest, so that a worker that was thought dead and wakes up writes nothing.
 */
import type { Db } from '../store/db.ts';

/** seconds */
const LIFE = 15;
const RENEW_MS = 5_000;

export interface Lease {
  readonly connectionId: string;
  readonly stream: string;
  readonly runId: string;
  readonly fence: number;
  /** aborted when the lease is lost to another worker */
  readonly lost: AbortSignal;
  /** Gives the lease back, so that the next holder needn't wait for its end. */
  release(): Promise<void>;
}

/**
 * Takes the lease, or returns undefined while another run holds it. A redelivery of the same run takes over at
 * once: the queue has given the job to us, so the other holder is dead or about to notice.
 */
export async function acquireLease(
  db: Db,
  connectionId: string,
  stream: string,
  runId: string,
  owner: string,
): Promise<Lease | undefined> {
  await db.pool.query(
    `insert into sluice.streams (connection_id, stream) values ($1, $2) on conflict do nothing`,
    [connectionId, stream],
  );
  const result = await db.pool.query<{ fence: string }>(
    `insert into sluice.stream_leases as l (connection_id, stream, run_id, owner, fence, expires_at)
     values ($1, $2, $3, $4, 1, now() + make_interval(secs => $5))
     on conflict (connection_id, stream) do update
        set run_id = excluded.run_id, owner = excluded.owner, fence = l.fence + 1, expires_at = excluded.expires_at
      where l.expires_at <= now() or l.run_id = excluded.run_id or l.run_id is null
     returning fence`,
    [connectionId, stream, runId, owner, LIFE],
  );
  const row = result.rows[0];
  if (row === undefined) return undefined;
  const fence = Number(row.fence);
  const lost = new AbortController();

  const timer = setInterval(() => {
    db.pool
      .query(
        `update sluice.stream_leases set expires_at = now() + make_interval(secs => $4)
          where connection_id = $1 and stream = $2 and fence = $3`,
        [connectionId, stream, fence, LIFE],
      )
      .then(
        (renewed) => {
          if (renewed.rowCount === 0) lost.abort();
        },
        // A database that doesn't answer is noticed by the next commit; the fence protects what it must.
        () => {},
      );
  }, RENEW_MS);
  timer.unref();

  return {
    connectionId,
    stream,
    runId,
    fence,
    lost: lost.signal,
    async release() {
      clearInterval(timer);
      await db.pool.query(
        `update sluice.stream_leases set run_id = null, owner = null, expires_at = now()
          where connection_id = $1 and stream = $2 and fence = $3`,
        [connectionId, stream, fence],
      );
    },
  };
}
