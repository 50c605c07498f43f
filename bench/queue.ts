/** `queue`: what our workers add to a job, and what a look for due schedules costs. Well under 90 seconds in all. */
import { randomBytes } from 'node:crypto';
import { loadEnvironment } from '../src/config/index.ts';
import { openRuntime, type Runtime } from '../src/runtime.ts';
import { createLogger } from '../src/telemetry/logger.ts';
import type { Bench } from './contract.ts';
import { dueSchedules, type DueSchedules } from './due-schedules.ts';
import { noOpContest, type NoOpJobs } from './no-op-jobs.ts';
import { compete, type ContestResult } from './rounds.ts';
import { startServers, type Servers } from './servers.ts';
import { table } from './table.ts';

type BackendName = 'postgres' | 'redis';

interface JobFigures extends ContestResult {
  readonly backend: BackendName;
  readonly what: string;
  readonly concurrency: number;
}

interface QueueFigures {
  readonly jobs: readonly JobFigures[];
  readonly schedules: DueSchedules;
  /** what could not be measured here */
  readonly left: readonly string[];
}

const ROUNDS = 7;
/** For each of the four contests, in milliseconds. */
const BUDGET_MS = 12_000;

const contests: readonly (NoOpJobs & { readonly what: string })[] = [
  {
    what: 'nothing to do',
    queue: 'maintenance',
    // as our worker of this queue has it
    concurrency: 1,
  },
  {
    what: 'run that is gone',
    queue: 'runs',
    concurrency: 8,
  },
];

export const queue: Bench<QueueFigures> = {
  async run({ signal, progress }) {
    progress('starting servers');
    const servers = await startServers();
    try {
      const jobs: JobFigures[] = [];
      const backends: BackendName[] = servers.redisUrl === undefined ? ['postgres'] : ['postgres', 'redis'];
      let schedules: DueSchedules | undefined;
      for (const backend of backends) {
        const redis =
          backend === 'redis' && servers.redisUrl !== undefined
            ? { url: servers.redisUrl, prefix: 'bench' }
            : undefined;
        const runtime = await openProcess(servers, redis);
        try {
          const place = { runtime, postgresUrl: servers.postgresUrl, redis };
          for (const { what, ...options } of contests) {
            progress(`${backend}: ${what}`);
            const contest = noOpContest(place, options);
            const result = await compete(contest, { rounds: ROUNDS, budgetMs: BUDGET_MS, signal });
            jobs.push({ backend, what, concurrency: options.concurrency, ...result });
          }
          if (backend === 'postgres') {
            progress('schedules');
            schedules = await dueSchedules(runtime, servers.postgresUrl, signal);
          }
        } finally {
          await runtime.close();
        }
      }
      if (schedules === undefined) throw new Error('the schedules were not measured');
      const left = servers.redisUrl === undefined ? ['Redis: there is no redis-server on the PATH'] : [];
      return { jobs, schedules, left };
    } finally {
      await servers.close();
    }
  },

  print({ jobs, schedules, left }) {
    const rows = jobs.map((row) => [
      row.backend,
      row.what,
      String(row.concurrency),
      row.ours.toFixed(0),
      row.bare.toFixed(0),
      `${(row.ratio * 100).toFixed(0)} %`,
      `${row.rounds} x ${row.jobsPerRound}`,
    ]);
    const header = ['queue on', 'job', 'at once', 'ours/s', 'bare/s', 'ours to bare', 'rounds x jobs'];
    const ms = (value: number): string => `${value.toFixed(1)} ms`;
    return [
      ...table([header, ...rows]),
      '',
      `${schedules.connections} schedules, queue on postgres`,
      ...table([
        ['a look that finds none due', ms(schedules.idleLookMs)],
        [`a look that asks for ${Math.ceil(schedules.due / schedules.looks)} runs`, ms(schedules.busyLookMs)],
        [`all ${schedules.due} that are due, in ${schedules.looks} looks`, ms(schedules.allDueMs)],
        ['how they are found', schedules.plan],
      ]),
      ...left.map((what) => `not measured: ${what}`),
    ];
  },
};

/** The parts of a worker process, with its queues left to whoever measures. */
async function openProcess(
  servers: Servers,
  redis: { readonly url: string; readonly prefix: string } | undefined,
): Promise<Runtime> {
  const environment = loadEnvironment(
    {
      DATABASE_URL: servers.postgresUrl,
      ...(redis === undefined ? {} : { REDIS_URL: redis.url, SLUICE_QUEUE_PREFIX: redis.prefix }),
      SLUICE_ENCRYPTION_KEYS: `bench:${randomBytes(32).toString('base64')}`,
    },
    { role: 'worker', cwd: process.cwd() },
  );
  return openRuntime(environment, { logger: createLogger({ level: 'error' }), workers: true });
}
