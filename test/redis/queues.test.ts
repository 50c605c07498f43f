import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RECONCILE_EVERY_MS } from '../../src/jobs/reconciler.ts';
import { GRACE_SECONDS } from '../../src/jobs/reconcile.ts';
import type { RunningWorkers } from '../../src/jobs/index.ts';
import { runView } from '../../src/sync/history.ts';
import { startFleet, waitFor, type Fleet } from '../support/fleet.ts';
import { startRedis, type PrivateRedis } from '../support/redis.ts';
import { pageOf, startTinyProvider, tinyStream, type TinyProvider } from '../support/tiny-provider.ts';

const IDS = Array.from({ length: 24 }, (_, index) => `id${String(index).padStart(2, '0')}`);
const STREAMS = ['a', 'b'];
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('queues on a Redis in trouble', () => {
  let redis: PrivateRedis;
  let tiny: TinyProvider;
  let fleet: Fleet;
  let workers: RunningWorkers;
  const log: string[] = [];
  let count = 0;
  let id = '';

  beforeAll(async () => {
    redis = await startRedis();
    tiny = await startTinyProvider(STREAMS.map((name) => tinyStream(name)));
    fleet = await startFleet({
      workers: false,
      providers: [tiny.definition],
      redisUrl: redis.url,
      reconcileEveryMs: 500,
      log,
    });
    workers = await fleet.runtime.startWorkers({ schedules: false });
  });
  afterAll(async () => {
    await workers.stop(5_000);
    await fleet.close();
    await tiny.close();
    await redis.close();
  });
  beforeEach(async () => {
    id = `c${(count += 1)}`;
    tiny.asked.splice(0);
    tiny.answer = (url) => pageOf(url, IDS, 2);
    await fleet.connect(id, { ...tiny.connection, limits: { concurrency: 2 } });
  });
  afterEach(() => redis.thaw());

  const ask = (connectionId = id): Promise<string> =>
    fleet.runtime.jobs.askForRun({ connectionId, trigger: 'command', priority: 1 });
  const timed = async <T>(work: Promise<T>): Promise<{ result: T; ms: number }> => {
    const started = performance.now();
    return { result: await work, ms: performance.now() - started };
  };
  const pagesOf = async (runId: string): Promise<number> =>
    (await runView(fleet.runtime.db, runId))?.streams.reduce((sum, stream) => sum + stream.pages, 0) ?? 0;
  const untilPages = (runId: string, pages: number): Promise<true> =>
    waitFor(async () => ((await pagesOf(runId)) >= pages ? true : undefined), 20_000);
  const complete = async (connectionId = id): Promise<void> => {
    for (const stream of STREAMS)
      expect([...(await fleet.mirror(connectionId, stream)).keys()].sort()).toEqual(IDS);
    const changes = await fleet.database.db.pool.query<{ count: number; newest: number }>(
      `select count(*)::int as count, max(seq)::int as newest from sluice.changes where connection_id = $1 group by stream`,
      [connectionId],
    );
    expect(changes.rows).toEqual(STREAMS.map(() => ({ count: IDS.length, newest: IDS.length })));
  };
  const slowly = (ms: number): void => {
    tiny.answer = async (url) => {
      await pause(ms);
      return pageOf(url, IDS, 2);
    };
  };

  const troubles = [
    { name: 'down', begin: () => redis.kill(), end: () => redis.restart() },
    { name: 'frozen', begin: async () => redis.freeze(), end: async () => redis.thaw() },
  ];

  it.each(troubles)(
    'records a run while Redis is $name, and begins it when Redis is back',
    async (trouble) => {
      log.splice(0);
      await trouble.begin();
      let runId = '';
      try {
        const asked = await timed(ask());
        runId = asked.result;
        expect(asked.ms).toBeLessThan(6_000);
        expect(await runView(fleet.runtime.db, runId)).toMatchObject({ status: 'queued' });
        expect(log.some((line) => line.includes('begins when the queue is back'))).toBe(true);
        const depths = timed(fleet.runtime.jobs.depths().catch((error: unknown) => error));
        expect((await depths).result).toMatchObject({ code: 'queue_unreachable' });
        expect((await depths).ms).toBeLessThan(2_000);
      } finally {
        await trouble.end();
      }
      expect(await fleet.ended(runId, 60_000)).toMatchObject({ status: 'succeeded', error: null });
      await complete();
    },
    90_000,
  );

  it.each(troubles)(
    'goes on with runs that were under way when Redis was $name for a while',
    async (trouble) => {
      slowly(100);
      const runId = await ask();
      await untilPages(runId, 4);
      await trouble.begin();
      try {
        // what a worker holds it goes on with: pages are committed in Postgres
        await untilPages(runId, 10);
      } finally {
        await trouble.end();
      }
      expect(await fleet.ended(runId, 60_000)).toMatchObject({ status: 'succeeded', error: null });
      await complete();
    },
    90_000,
  );

  it('brings back every run of a Redis that is emptied again and again in the middle of them', async () => {
    slowly(60);
    const ids = [id, ...[1, 2, 3, 4].map((number) => `${id}-${number}`)];
    for (const one of ids.slice(1)) await fleet.connect(one, tiny.connection);
    const runs = await Promise.all(ids.map((one) => ask(one)));
    for (const pages of [0, 3, 9, 15]) {
      await untilPages(runs[0] ?? '', pages);
      await redis.command('FLUSHALL');
    }
    const flushed = performance.now();
    for (const runId of runs)
      expect(await fleet.ended(runId, 60_000)).toMatchObject({ status: 'succeeded', error: null });
    expect(performance.now() - flushed).toBeLessThan(60_000);
    for (const one of ids) await complete(one);
    // the timetable of what is done now and then lay there as well
    await waitFor(
      async () => {
        const keys = (await redis.command('KEYS', '*:maintenance:repeat*')) as string[];
        return keys.length > 0 ? true : undefined;
      },
      5_000,
      () => 'the timetable did not come back',
    );
  }, 120_000);

  it('would bring them back within a minute with its default interval', () => {
    expect(RECONCILE_EVERY_MS + GRACE_SECONDS * 1_000).toBeLessThan(60_000 / 1.5);
  });

  it('starts no worker on a Redis that is frozen, and says so', async () => {
    redis.freeze();
    try {
      const started = await timed(
        fleet.runtime.startWorkers({ schedules: false }).catch((error: unknown) => error),
      );
      expect(started.result).toMatchObject({ code: 'queue_unreachable' });
      expect(started.ms).toBeLessThan(15_000);
    } finally {
      redis.thaw();
    }
    // those that were there before go on
    expect(await fleet.ended(await ask(), 60_000)).toMatchObject({ status: 'succeeded' });
  }, 90_000);

  it('stops within its grace on a Redis that is frozen, and the next workers go on', async () => {
    slowly(50);
    const runId = await ask();
    await untilPages(runId, 4);
    redis.freeze();
    try {
      expect((await timed(workers.stop(2_000))).ms).toBeLessThan(5_000);
    } finally {
      redis.thaw();
    }
    workers = await fleet.runtime.startWorkers({ schedules: false });
    expect(await fleet.ended(runId, 60_000)).toMatchObject({ status: 'succeeded' });
    await complete();
  }, 90_000);
});

describe('a Redis that may drop keys', () => {
  it('is named in the log', async () => {
    const redis = await startRedis();
    const log: string[] = [];
    try {
      await redis.command('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
      const fleet = await startFleet({ workers: false, redisUrl: redis.url, log });
      try {
        await waitFor(
          () => (log.some((line) => line.includes('allkeys-lru')) ? true : undefined),
          5_000,
          () => log.join(''),
        );
      } finally {
        await fleet.close();
      }
    } finally {
      await redis.close();
    }
  });
});
