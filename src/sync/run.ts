/**
 * A run from its beginning to its end, one step at a time: plan, release streams wave by wave, close. Each call
 * looks at Postgres afresh, so it makes no difference which worker makes it, or how often.
 */
import type { TokenService } from '../auth/contract.ts';
import { SluiceError, type ErrorReport } from '../errors.ts';
import type { ResolvedConnection } from '../providers/connection.ts';
import type { StreamDefinition } from '../providers/contract.ts';
import { afterRun, parkConnection } from '../store/connections.ts';
import type { Db } from '../store/db.ts';
import { notifyRunEnd } from '../store/notifications.ts';
import type { StreamTicket } from '../store/run-tickets.ts';
import {
  closeRun,
  loadRun,
  planRun,
  releaseStreams,
  type PlannedStream,
  type ReleaseRules,
  type RunRow,
} from '../store/runs.ts';
import type { Tracing } from '../telemetry/tracing.ts';
import { nameInLog } from '../telemetry/log-context.ts';
import type { Logger } from '../telemetry/logger.ts';
import { streamStates, usableCursor, type StreamState } from './cursors.ts';
import type { LoadConnection } from './load-connection.ts';
import { leftOut } from './circuit.ts';
import { usableMarks } from './marks.ts';
import { nextAfterRun, timetableOf } from './schedule.ts';

export interface RunContext {
  readonly db: Db;
  readonly tokens: TokenService;
  readonly loadConnection: LoadConnection;
  readonly logger: Logger;
  readonly now: () => number;
  /** [none] */
  readonly tracing?: Tracing;
  readonly onRunEnd?: (run: { provider: string; status: string; seconds: number }) => void;
}

/** Nothing left to do; `promoted` is the queued run that became active and needs a job. */
export interface RunEnd {
  readonly step: 'ended';
  readonly promoted: string | undefined;
}

export type RunStep =
  | RunEnd
  /** these stream jobs are to be added; others may be under way */
  | { readonly step: 'waiting'; readonly tickets: readonly StreamTicket[] };

/** Takes a run as far as it goes now. `jobId` is the queue job that stands for it; another's steps are none of ours. */
export async function advanceRun(context: RunContext, runId: string, jobId: string): Promise<RunStep> {
  const { db } = context;
  const run = await loadRun(db, runId);
  if (run === undefined || run.slot !== 'active' || run.job_id !== jobId) {
    // Ended by somebody else, who removed its connection: its token goes all the same.
    if (run?.slot === null) await context.tokens.endFlow(runId);
    return { step: 'ended', promoted: undefined };
  }
  nameInLog({ runId, connection: run.connection_id });
  let connection: ResolvedConnection;
  try {
    connection = await context.loadConnection(run.connection_id, { requireUsable: false });
  } catch (error) {
    if (!(error instanceof SluiceError) || error.kind === 'transient') throw error;
    // Its schedule can't be read either: it stands still, visibly, until somebody mends what is named.
    await parkConnection(db, run.connection_id, 'needs_attention', error.report());
    return endRun(context, run, undefined, error.report());
  }
  if (run.started_at === null) {
    const states = await streamStates(db, connection.id);
    const planned = await planRun(db, runId, (current) => plan(connection, current, states, context.now()));
    if (planned === 0) return endRun(context, run, connection, nothingToSync(connection, run));
  }
  const released = await releaseStreams(db, runId, releaseRules(connection));
  if (
    released.open === 0 ||
    (run.cancel_requested && released.tickets.length === 0 && (await idle(db, runId)))
  ) {
    return endRun(context, run, connection);
  }
  return { step: 'waiting', tickets: released.tickets };
}

async function idle(db: Db, runId: string): Promise<boolean> {
  const busy = await db.pool.query(
    `select 1 from sluice.run_streams where run_id = $1 and status in ('queued', 'running') limit 1`,
    [runId],
  );
  return busy.rowCount === 0;
}

/** Closes a run that is over, or whose end was asked for: its token goes, its schedule moves on. */
export async function endRun(
  context: RunContext,
  run: RunRow,
  connection: ResolvedConnection | undefined,
  error?: ErrorReport,
): Promise<RunEnd> {
  // First, so that whoever sees the run's end finds no token of it left.
  await context.tokens.endFlow(run.id);
  const closed = await closeRun(context.db, run.id, error, async (client, status) => {
    await notifyRunEnd(client, run.id, status);
    const succeeded = status === 'cancelled' ? undefined : status !== 'failed';
    await afterRun(client, run.connection_id, succeeded, (failures) =>
      connection === undefined
        ? undefined
        : nextAfterRun(timetableOf(connection), new Date(context.now()), failures),
    );
  });
  if (closed === undefined) return { step: 'ended', promoted: undefined };
  const seconds = (context.now() - (run.started_at ?? run.created_at).getTime()) / 1000;
  context.onRunEnd?.({ provider: connection?.provider.id ?? 'unknown', status: closed.status, seconds });
  context.tracing?.root(
    { run: run.id },
    {
      name: 'run',
      from: run.created_at.getTime(),
      to: context.now(),
      attributes: {
        'sluice.run.id': run.id,
        'sluice.run.status': closed.status,
        'sluice.run.trigger': run.trigger,
        'sluice.connection.id': run.connection_id,
        'sluice.provider': connection?.provider.id,
      },
      error: closed.status === 'failed' ? (error?.code ?? 'failed') : undefined,
    },
  );
  context.logger.info({ runId: run.id, connection: run.connection_id, status: closed.status }, 'run ended');
  return { step: 'ended', promoted: closed.promoted };
}

/** What decides which streams of a connection's run may be in the queue. */
export function releaseRules(connection: ResolvedConnection): ReleaseRules {
  const parents = new Map<string, string>();
  for (const { name, parent } of connection.streams) if (parent !== undefined) parents.set(name, parent);
  return { concurrency: connection.limits.concurrency, parents };
}

/**
 * The run's streams, each in the wave after its parent's, and after the stream whose new records make it start
 * again. A parent that wasn't chosen comes along, and so does what is always read. A run that the schedule asked for
 * leaves out what is refused: such a stream has failed before it begins.
 */
export function plan(
  connection: ResolvedConnection,
  run: Pick<RunRow, 'streams' | 'full' | 'trigger'>,
  states: ReadonlyMap<string, StreamState>,
  now: number,
): PlannedStream[] {
  const byName = new Map(connection.streams.map((stream) => [stream.name, stream]));
  const wanted = run.streams === null ? [...byName.keys()] : run.streams.filter((name) => byName.has(name));
  if (wanted.length === 0) return [];
  const waves = new Map<string, number>();
  const after = (name: string | undefined): number => {
    const stream = name === undefined ? undefined : byName.get(name);
    return stream === undefined ? 0 : wave(stream) + 1;
  };
  const wave = (stream: StreamDefinition): number => {
    const known = waves.get(stream.name);
    if (known !== undefined) return known;
    const own = Math.max(after(stream.parent), after(stream.restartsWith));
    waves.set(stream.name, own);
    return own;
  };
  for (const stream of byName.values()) {
    if (stream.always === true || wanted.includes(stream.name)) wave(stream);
  }
  return [...waves].map(([name, own]) => {
    const stream = byName.get(name);
    const goesOn = stream !== undefined && !run.full && readsOn(connection, stream, states.get(name), now);
    const forbidden = run.trigger === 'schedule' ? states.get(name)?.forbidden : undefined;
    const refused = forbidden !== undefined && forbidden.until.getTime() > now;
    return {
      stream: name,
      wave: own,
      mode: goesOn ? 'incremental' : 'full',
      ...(refused ? { error: leftOut(forbidden) } : {}),
    };
  });
}

/** True where a stream goes on from its cursor; everything else is read from the start. */
export function readsOn(
  connection: ResolvedConnection,
  stream: StreamDefinition,
  state: StreamState | undefined,
  now: number,
): boolean {
  if (state === undefined || state.restart) return false;
  if (stream.changes.detect === 'sequence')
    return usableCursor(connection, stream, state.cursor) !== undefined;
  if (stream.changes.detect === 'full') return false;
  const { lastFullAt, cursor } = state;
  // Either way: one that lies far in the future was written down by a clock that was ahead.
  const age = lastFullAt === null ? Infinity : Math.abs(now - lastFullAt.getTime());
  return age < connection.fullEveryMs && usableMarks(connection, stream, cursor) !== undefined;
}

function nothingToSync(connection: ResolvedConnection, run: RunRow): ErrorReport {
  const asked = run.streams === null ? 'none is configured' : `asked for ${run.streams.join(', ')}`;
  return new SluiceError('config_invalid', `${connection.id} has no such stream: ${asked}.`, {
    advice: `Choose from: ${connection.streams.map((stream) => stream.name).join(', ')}.`,
  }).report();
}
