/** Jobs that do nothing, worked off by our workers and by a bare BullMQ worker on the same server. */
import { randomUUID } from 'node:crypto';
import {
  createPostgresBackend,
  createRedisBackend,
  Queue,
  Worker,
  type BackendFactory,
  type IQueueBackend,
} from 'bullmq';
import pg from 'pg';
import { connectQueues, type BackendConnection } from '../src/jobs/backend.ts';
import { openJobs } from '../src/jobs/index.ts';
import { openQueues, type QueueName, type SluiceQueue } from '../src/jobs/queues.ts';
import type { Runtime } from '../src/runtime.ts';
import type { Contest } from './rounds.ts';

export interface Place {
  readonly runtime: Runtime;
  readonly postgresUrl: string;
  readonly redis: { readonly url: string; readonly prefix: string } | undefined;
}

export interface NoOpJobs {
  readonly concurrency: number;
  /**
   * `maintenance`: the processor finds no task of the job's name and returns. `runs`: it asks Postgres for the run,
   * which isn't there, and returns; its jobs have an id and a priority, as every run's job has.
   */
  readonly queue: Extract<QueueName, 'maintenance' | 'runs'>;
}

/** Jobs are put into the queue at once, in parts of this many. */
const PART = 500;

/** A round: fill, start the workers, and count from the first job that is over to the last, then stop them. */
export function noOpContest(place: Place, options: NoOpJobs): Contest {
  return {
    ours: (jobs) => ourRound(place, options, jobs),
    bare: (jobs) => bareRound(place, options, jobs),
  };
}

async function ourRound(
  { runtime, postgresUrl, redis }: Place,
  options: NoOpJobs,
  count: number,
): Promise<number> {
  const onError = (error: Error): void => runtime.logger.warn({ err: error }, 'queue connection');
  const connection = connectQueues({
    redis,
    postgresUrl,
    workers: false,
    onError,
    onWarning: (message, details) => runtime.logger.warn(details, message),
  });
  const queues = openQueues(connection, onError);
  const { db, logger, now, tokens, loadConnection, outbound, metrics } = runtime;
  const jobs = await openJobs({ db, redis, queueUrl: postgresUrl, workers: true, logger, now });
  const watch = stopwatch(count);
  try {
    await connection.ready();
    await fill(count, (part) => addOurs(queues[options.queue], options.queue, part));
    const workers = await jobs.startWorkers({
      concurrency: options.concurrency,
      runs: { db, tokens, loadConnection, logger, now },
      sync: { db, outbound, tokens, loadConnection, logger, now, random: Math.random, owner: 'bench' },
      webhooks: runtime.webhooks,
      registration: runtime.registration,
      schedules: false,
      schedulesOf: () => ({ schedule: 'manual', timezone: 'UTC' }),
      sweepTokens: async () => {},
      upkeepGrants: async () => undefined,
      onJob(queue, outcome, seconds) {
        metrics.jobFinished({ queue, outcome, seconds });
        if (queue === options.queue) watch.tick();
      },
    });
    const rate = await watch.rate;
    await workers.stop(10_000);
    await queues[options.queue].obliterate({ force: true });
    return rate;
  } finally {
    await jobs.close();
    await queues.close();
    await connection.close();
  }
}

async function addOurs(queue: SluiceQueue, name: NoOpJobs['queue'], count: number): Promise<void> {
  const data = () => ({ runId: randomUUID() });
  await queue.addBulk(
    Array.from({ length: count }, () =>
      name === 'runs'
        ? { name: 'run', data: data(), opts: { jobId: `${randomUUID()}.1`, priority: 10 } }
        : { name: 'nothing', data: data() },
    ),
  );
}

/** Everything at BullMQ's defaults but the concurrency, which is ours. */
async function bareRound(place: Place, options: NoOpJobs, count: number): Promise<number> {
  const bare = connectBare(place);
  const { connection, factory } = bare;
  const queue = new Queue('bare', { connection }, factory);
  try {
    await fill(count, async (part) => {
      await queue.addBulk(
        Array.from({ length: part }, () => ({ name: 'nothing', data: { runId: randomUUID() } })),
      );
    });
    const watch = stopwatch(count);
    const worker = new Worker(
      'bare',
      async () => watch.tick(),
      { connection, concurrency: options.concurrency },
      factory,
    );
    worker.on('error', (error) => place.runtime.logger.warn({ err: error }, 'bare worker'));
    const rate = await watch.rate;
    await worker.close();
    await queue.obliterate({ force: true });
    return rate;
  } finally {
    await queue.close();
    await bare.close();
  }
}

interface BareConnection {
  readonly connection: BackendConnection;
  readonly factory: BackendFactory<IQueueBackend, BackendConnection>;
  close(): Promise<void>;
}

function connectBare({ postgresUrl, redis }: Place): BareConnection {
  if (redis !== undefined) {
    const { hostname, port } = new URL(redis.url);
    return {
      connection: { host: hostname, port: Number(port), maxRetriesPerRequest: null },
      factory: createRedisBackend as BareConnection['factory'],
      close: async () => {},
    };
  }
  const pool = new pg.Pool({ connectionString: postgresUrl, max: 24, options: '-c search_path=bullmq' });
  return {
    connection: pool,
    factory: createPostgresBackend as BareConnection['factory'],
    close: () => pool.end(),
  };
}

async function fill(count: number, add: (part: number) => Promise<void>): Promise<void> {
  for (let left = count; left > 0; left -= PART) await add(Math.min(PART, left));
}

/** Jobs per second between the first tick and the one that completes `count`: no start of a worker is in it. */
function stopwatch(count: number): { tick(): void; readonly rate: Promise<number> } {
  let ticks = 0;
  let first = 0;
  const { promise, resolve } = withResolvers<number>();
  return {
    tick() {
      ticks += 1;
      if (ticks === 1) first = performance.now();
      if (ticks === count) resolve(((count - 1) * 1000) / (performance.now() - first));
    },
    rate: promise,
  };
}

/** `Promise.withResolvers`, which Node 20 lacks. */
function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((done) => (resolve = done));
  return { promise, resolve };
}
