/**
 * What is looked up at each scrape: the queues, the pools, and what Postgres says of the whole fleet. A source that
 * fails or hangs costs its own gauges only; one question is under way at a time, and its answer serves for a moment.
 */
import { Counter, Gauge, type Registry } from 'prom-client';

export interface QueueDepth {
  readonly queue: string;
  /** `waiting`, `active`, `delayed`, `failed` */
  readonly state: string;
  readonly jobs: number;
}

export interface PoolUse {
  readonly pool: string;
  /** open connections, of which `idle` wait for work */
  readonly total: number;
  readonly idle: number;
  /** callers that wait for a connection */
  readonly waiting: number;
}

/** A number for each combination of labels. */
export type Counted<Label extends string> = readonly (Readonly<Record<Label, string>> & {
  readonly value: number;
})[];

/** What Postgres says of the whole fleet: the same from every process. Durations in seconds. */
export interface FleetState {
  readonly connections: Counted<'provider' | 'state'>;
  /** by the status of the newest run that is over; `none` where there was none */
  readonly lastRuns: Counted<'provider' | 'status'>;
  /** whose schedule is slowed down by runs that failed in a row */
  readonly slowed: Counted<'provider'>;
  /** left out of scheduled runs since the provider forbids them */
  readonly forbidden: Counted<'provider'>;
  /** of scheduled connections that are active: since the stream that waits longest for a pass has had one */
  readonly freshness: Counted<'provider'>;
  readonly runs: Counted<'status'>;
  /** since the oldest that could begin was put into the queue, 0 where none waits */
  readonly oldestWaiting: Counted<'queue'>;
  readonly events: Counted<'status'>;
  readonly notifications: Counted<'status'>;
  readonly processes: Counted<'role'>;
  /** since the oldest schedule of an active connection was due, 0 where none is */
  readonly scheduleLate: number;
  /** the database's clock at the middle of the question, epoch seconds */
  readonly databaseTime: number;
  /** this process's clock at the same moment */
  readonly ownTime: number;
}

type Source<T> = () => Promise<T | undefined>;

export interface Gauges {
  watchQueues(source: () => Promise<readonly QueueDepth[]>): void;
  watchPools(source: () => readonly PoolUse[]): void;
  watchState(source: () => Promise<FleetState>): void;
  /** Asks every source and sets what it says; ends within the time limit, and never fails. */
  refresh(): Promise<void>;
}

export function createGauges(registry: Registry, limitMs: number, keepMs: number): Gauges {
  const registers = [registry];
  const gauge = <Label extends string>(name: string, help: string, ...labelNames: Label[]) =>
    new Gauge({ name, help, labelNames, registers });
  const errors = new Counter({
    name: 'sluice_metrics_source_errors_total',
    help: 'Scrapes whose gauges of a source were left out since it failed or was slow: queues, pools, state.',
    labelNames: ['source'],
    registers,
  });
  const depth = gauge('sluice_queue_jobs', 'Jobs in a queue at this moment, by state.', 'queue', 'state');
  const poolConnections = gauge(
    'sluice_db_pool_connections',
    'Open database connections of this process, by pool and state.',
    'pool',
    'state',
  );
  const poolWaiting = gauge(
    'sluice_db_pool_waiting_callers',
    'Callers of this process that wait for a database connection, by pool.',
    'pool',
  );
  const ofState = stateGauges(gauge);

  let queues: Source<readonly QueueDepth[]> = async () => undefined;
  let pools: Source<readonly PoolUse[]> = async () => undefined;
  let state: Source<FleetState> = async () => undefined;

  async function look<T>(name: string, source: Source<T>): Promise<T | undefined> {
    try {
      return await within(source, limitMs);
    } catch {
      errors.inc({ source: name });
      return undefined;
    }
  }

  return {
    watchQueues: (source) => (queues = remembered(source, keepMs)),
    watchPools: (source) => (pools = async () => source()),
    watchState: (source) => (state = remembered(source, keepMs)),
    async refresh() {
      const [depths, use, fleet] = await Promise.all([
        look('queues', queues),
        look('pools', pools),
        look('state', state),
      ]);
      depth.reset();
      for (const { queue, state: name, jobs } of depths ?? []) depth.set({ queue, state: name }, jobs);
      poolConnections.reset();
      poolWaiting.reset();
      for (const { pool, total, idle, waiting } of use ?? []) {
        poolConnections.set({ pool, state: 'busy' }, total - idle);
        poolConnections.set({ pool, state: 'idle' }, idle);
        poolWaiting.set({ pool }, waiting);
      }
      ofState(fleet);
    },
  };
}

type MakeGauge = <Label extends string>(name: string, help: string, ...labels: Label[]) => Gauge<Label>;

/** Returns what sets them; without a state they are left out. */
function stateGauges(gauge: MakeGauge): (fleet: FleetState | undefined) => void {
  const counted: readonly [Gauge, keyof FleetState][] = [
    [gauge('sluice_connections', 'Connections, by state.', 'provider', 'state'), 'connections'],
    [
      gauge(
        'sluice_connections_last_run',
        'Connections by the status of their newest run that is over; none where there was none.',
        'provider',
        'status',
      ),
      'lastRuns',
    ],
    [
      gauge(
        'sluice_connections_slowed',
        'Connections whose schedule is slowed down, since at least two runs in a row failed.',
        'provider',
      ),
      'slowed',
    ],
    [
      gauge(
        'sluice_streams_forbidden',
        'Streams that scheduled runs leave out for a while, since the provider forbids them.',
        'provider',
      ),
      'forbidden',
    ],
    [
      gauge(
        'sluice_freshness_oldest_seconds',
        'Time since the last success of the stalest stream of active connections that have a schedule.',
        'provider',
      ),
      'freshness',
    ],
    [gauge('sluice_runs_open', 'Runs that are not over, by status.', 'status'), 'runs'],
    [
      gauge(
        'sluice_oldest_waiting_seconds',
        'Age of the oldest run, stream or webhook that could begin and has not, by queue; 0 where none waits.',
        'queue',
      ),
      'oldestWaiting',
    ],
    [
      gauge('sluice_webhook_events', 'Events in the inbox that are not over, or dead, by status.', 'status'),
      'events',
    ],
    [
      gauge(
        'sluice_notifications',
        'Notifications that are pending, or that were given up, by status.',
        'status',
      ),
      'notifications',
    ],
    [gauge('sluice_fleet_processes', 'Processes that show signs of life, by role.', 'role'), 'processes'],
  ];
  const late = gauge(
    'sluice_schedule_late_seconds',
    'Time since the oldest schedule of an active connection was due and not taken; 0 where none is.',
  );
  const skew = gauge(
    'sluice_clock_skew_seconds',
    "How far the clock of this process is ahead of the database's (negative: behind).",
  );
  return (fleet) => {
    for (const [one, name] of counted) {
      one.reset();
      for (const { value, ...labels } of (fleet?.[name] ?? []) as Counted<string>) one.set(labels, value);
    }
    // a gauge without labels has a value from its making on
    late.set(fleet?.scheduleLate ?? Number.NaN);
    skew.set(fleet === undefined ? Number.NaN : fleet.ownTime - fleet.databaseTime);
  };
}

/** One question at a time, whoever asks, and its answer for a while: a source that hangs is not asked again. */
function remembered<T>(ask: () => Promise<T>, keepMs: number): () => Promise<T> {
  let known: { readonly answer: Promise<T>; until: number } | undefined;
  return () => {
    if (known !== undefined && performance.now() < known.until) return known.answer;
    const asked = { answer: ask(), until: Infinity };
    known = asked;
    const settle = (): void => void (asked.until = performance.now() + keepMs);
    asked.answer.then(settle, settle);
    return asked.answer;
  };
}

/** The source's answer, or a rejection after `ms`: one hanging queue must not cost the whole scrape. */
async function within<T>(source: () => Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([source(), late]);
  } finally {
    clearTimeout(timer);
  }
}
