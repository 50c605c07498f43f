/**
 * The engine without its queue: runs are planned and their deliveries made by the test, one after the other, and each
 * delivery can be made to die at any of its steps.
 */
import type pg from 'pg';
import type { ProviderDefinition } from '../../src/providers/contract.ts';
import type { Db } from '../../src/store/db.ts';
import { ticketForRun } from '../../src/store/run-tickets.ts';
import { closeRun, planRun, releaseStreams, requestRun, type RunRequest } from '../../src/store/runs.ts';
import type { SyncContext } from '../../src/sync/context.ts';
import { streamStates } from '../../src/sync/cursors.ts';
import { writeEvent, type EventCounts, type EventWrite } from '../../src/sync/event-writer.ts';
import type { Outcome } from '../../src/sync/outcome.ts';
import { plan, releaseRules } from '../../src/sync/run.ts';
import { syncStream } from '../../src/sync/stream-sync.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';

/** After so many steps the process is dead: it gets nothing done any more. A step is a statement or a commit. */
export type Fuse = number;

export class Killed extends Error {
  override readonly name = 'Killed';
}

export interface Engine {
  readonly fleet: Fleet;
  readonly context: SyncContext;
  /** the clock of the deliveries, milliseconds */
  clock: () => number;
  /** deliveries that died so far */
  deaths: number;
  /** what the deliveries of the last run came to, in order; those that died are not among them */
  outcomes: Outcome[];
  /**
   * Runs a connection to its end, through as many deaths as there are fuses: over all of its streams, or each stream
   * through all of `everyStream`. Returns how each stream ended.
   */
  run(
    connectionId: string,
    options?: Partial<RunRequest> & {
      readonly fuses?: readonly Fuse[];
      readonly everyStream?: readonly Fuse[];
    },
  ): Promise<ReadonlyMap<string, StreamEnd>>;
  event(connectionId: string, eventId: string, writes: readonly EventWrite[]): Promise<EventCounts>;
  /** Forgets everything but the connections. */
  clear(): Promise<void>;
}

export interface StreamEnd {
  readonly status: string;
  readonly mode: string;
  readonly pages: number;
  readonly added: number;
  readonly updated: number;
  readonly deleted: number;
  readonly rejected: number;
  /** deliveries that ended in a retryable failure */
  readonly attempts: number;
  readonly error: {
    readonly code: string;
    readonly kind: string;
    readonly advice: string;
    readonly message: string;
  } | null;
}

export async function startEngine(providers: readonly ProviderDefinition[]): Promise<Engine> {
  return engineOf(await startFleet({ workers: false, providers }));
}

/** Of a fleet that has no workers, or has none yet. */
export function engineOf(fleet: Fleet): Engine {
  const { db, outbound, tokens, loadConnection, logger } = fleet.runtime;
  const now = (): number => engine.clock();
  const context: SyncContext = {
    db,
    outbound,
    tokens,
    loadConnection,
    logger,
    now,
    random: () => 0,
    owner: 'test',
  };

  async function deliver(runId: string, stream: string, jobId: string, fuses: Fuse[]): Promise<void> {
    for (;;) {
      const fuse = fuses.shift();
      const job = { runId, stream, jobId, shutdown: new AbortController().signal };
      const mortal = fuse === undefined ? context : { ...context, db: withFuse(db, fuse) };
      const outcome = await syncStream(mortal, job).catch((error: unknown) => {
        if (!(error instanceof Killed)) throw error;
        engine.deaths += 1;
        return undefined;
      });
      if (outcome !== undefined) engine.outcomes.push(outcome);
      if (outcome?.outcome === 'done') return;
    }
  }

  const engine: Engine = {
    fleet,
    context,
    clock: Date.now,
    deaths: 0,
    outcomes: [],
    async run(connectionId, { fuses = [], everyStream, ...request } = {}) {
      engine.outcomes = [];
      // A process that died in its last step leaves its lease to run out: nobody waits for that here.
      await db.pool.query('update sluice.stream_leases set expires_at = now() where connection_id = $1', [
        connectionId,
      ]);
      const { runId } = await requestRun(db, { connectionId, trigger: 'command', priority: 1, ...request });
      await ticketForRun(db, runId);
      const connection = await loadConnection(connectionId, { requireUsable: true });
      const states = await streamStates(db, connectionId);
      await planRun(db, runId, (row) => plan(connection, row, states, now()));
      const left = [...fuses];
      for (;;) {
        const { tickets, open } = await releaseStreams(db, runId, releaseRules(connection));
        if (open === 0) break;
        for (const { stream, jobId } of tickets)
          await deliver(runId, stream, jobId, everyStream === undefined ? left : [...everyStream]);
      }
      const ended = await db.pool.query<StreamEnd & { stream: string }>(
        `select stream, status, mode, pages, added, updated, deleted, rejected, attempts, error
           from sluice.run_streams where run_id = $1`,
        [runId],
      );
      await closeRun(db, runId, undefined, async () => {});
      return new Map(ended.rows.map((row) => [row.stream, row]));
    },
    event: (connectionId, eventId, writes) =>
      db.tx((client) => writeEvent(client, connectionId, eventId, writes)),
    async clear() {
      // Not truncated: that costs more than all the rest of a short history.
      await db.pool.query(
        `delete from sluice.runs; delete from sluice.records; delete from sluice.changes;
         delete from sluice.rejected_records; delete from sluice.streams; delete from sluice.stream_leases`,
      );
    },
  };
  return engine;
}

/** A database that a process uses until it dies: before a statement, before a commit, or just after one. */
function withFuse(db: Db, fuse: Fuse): Db {
  let left = fuse;
  const burn = (): void => {
    left -= 1;
    if (left < 0) throw new Killed(`after ${fuse} steps`);
  };
  const query = async (...args: Parameters<pg.Pool['query']>): Promise<unknown> => {
    burn();
    return db.pool.query(...args);
  };
  const pool = new Proxy(db.pool, {
    get: (target, key) => (key === 'query' ? query : (Reflect.get(target, key) as unknown)),
  });
  return {
    pool,
    orm: db.orm,
    close: () => db.close(),
    async txAfter(open, work) {
      burn();
      const result = await db.txAfter(
        async (client) => {
          const opened = await open(client);
          burn();
          return opened;
        },
        async (client, opened, send) => {
          const done = await work(client, opened, send);
          burn();
          return done;
        },
      );
      burn();
      return result;
    },
    async tx(work) {
      burn();
      const result = await db.tx(async (client) => {
        const done = await work(client);
        burn();
        return done;
      });
      burn();
      return result;
    },
  };
}

/**
 * What must hold of a stream's numbers and rows at any time, and of its versions where it has some; throws with what
 * doesn't.
 */
export async function checkLedger(
  engine: Engine,
  connectionId: string,
  stream: string,
  versioned: boolean,
): Promise<void> {
  const { pool } = engine.fleet.runtime.db;
  const key = [connectionId, stream];
  const log = await pool.query<{ seq: string; op: string; record_id: string; previous: Versioned | null }>(
    `select seq, op, record_id, previous from sluice.changes where connection_id = $1 and stream = $2 order by seq`,
    key,
  );
  const rows = await pool.query<{ record_id: string; seq: string; data: Versioned; deleted: boolean }>(
    `select record_id, seq, data, deleted_at is not null as deleted from sluice.records
      where connection_id = $1 and stream = $2`,
    key,
  );
  const last = await pool.query<{ last_seq: string }>(
    `select last_seq from sluice.streams where connection_id = $1 and stream = $2`,
    key,
  );
  const alive = new Set<string>();
  const numbers = new Map<string, string>();
  const versions = new Map<string, string>();
  const fail = (what: string): never => {
    throw new Error(`${what}: ${JSON.stringify(log.rows)}`);
  };
  const meet = (id: string, body: Versioned | null): void => {
    const version = body?.updatedAt;
    if (!versioned || version === undefined) return;
    if (version < (versions.get(id) ?? '')) fail(`${id} went back to ${version}`);
    versions.set(id, version);
  };
  log.rows.forEach(({ seq, op, record_id: id, previous }, index) => {
    if (Number(seq) !== index + 1) fail(`number ${index + 1} is missing`);
    if (alive.has(id) === (op === 'added')) fail(`${id} was ${op} at ${seq}`);
    if (op === 'deleted') alive.delete(id);
    else alive.add(id);
    numbers.set(id, seq);
    if (op !== 'added') meet(id, previous);
  });
  if (Number(last.rows[0]?.last_seq ?? 0) !== log.rows.length) fail('the stream counts otherwise');
  for (const { record_id: id, seq, data, deleted } of rows.rows) {
    if (alive.has(id) === deleted) fail(`the changes say that ${id} is ${deleted ? 'alive' : 'deleted'}`);
    if (numbers.get(id) !== seq) fail(`${id} has the number ${seq}`);
    if (!deleted) meet(id, data);
  }
  if (numbers.size !== rows.rows.length) fail('changes and records name others');
}

interface Versioned {
  readonly updatedAt?: string;
}
