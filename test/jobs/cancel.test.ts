import { afterAll, beforeAll, expect, it } from 'vitest';
import { runView } from '../../src/sync/history.ts';
import { DelayedError, Worker } from 'bullmq';
import { pino } from 'pino';
import { connectQueues } from '../../src/jobs/backend.ts';
import { afterCancel } from '../../src/jobs/cancel.ts';
import { openQueues } from '../../src/jobs/queues.ts';
import { cancelRun } from '../../src/sync/cancel.ts';
import { testRedis } from '../support/backend.ts';
import { createTestDatabase } from '../support/database.ts';
import { startFleet, waitFor, type Fleet } from '../support/fleet.ts';

let fleet: Fleet;
beforeAll(async () => {
  fleet = await startFleet();
  await fleet.connect('acme', { streams: ['employees', 'departments'] });
});
afterAll(() => fleet.close());

const streamIs = (runId: string, name: string, status: string) =>
  waitFor(
    async () => {
      const run = await runView(fleet.runtime.db, runId);
      return run?.streams.some((stream) => stream.name === name && stream.status === status)
        ? true
        : undefined;
    },
    15_000,
    () => `${name} did not become ${status}`,
  );

it('a run whose other stream would wait for an hour ends with the page that is being read', async () => {
  const { runtime, lucca } = fleet;
  const headers = { 'retry-after': '3600' };
  lucca.faults.add({ kind: 'status', status: 503, headers, path: '*/employees', times: Infinity });
  lucca.faults.add({ kind: 'slow', delayMs: 2_000, path: '*/departments' });
  const runId = await runtime.jobs.askForRun({ connectionId: 'acme', trigger: 'command', priority: 5 });
  await Promise.all([streamIs(runId, 'employees', 'waiting'), streamIs(runId, 'departments', 'running')]);

  const cancelled = await cancelRun(runtime, runId);
  expect(cancelled).toMatchObject({ outcome: 'ending', promoted: undefined });
  expect(cancelled?.streamJobs).toHaveLength(1);
  if (cancelled !== undefined) await runtime.jobs.afterCancel(cancelled);
  // asked for while it ends: begins at once with its end
  const next = await runtime.jobs.askForRun({ connectionId: 'acme', trigger: 'command', priority: 5 });
  expect(next).not.toBe(runId);
  lucca.faults.clear();

  // sooner than anybody compares runs and queue
  const run = await fleet.ended(runId);
  expect(run).toMatchObject({
    status: 'cancelled',
    streams: [
      { name: 'departments', status: 'cancelled', added: expect.any(Number) },
      { name: 'employees', status: 'cancelled', waitUntil: null },
    ],
  });
  expect(await fleet.ended(next)).toMatchObject({ status: 'succeeded' });
  expect(await cancelRun(runtime, next)).toMatchObject({ outcome: 'over' });
  expect(await cancelRun(runtime, 'nothing')).toBeUndefined();
});

it('a job that its worker is just putting off for an hour is taken out of the queue all the same', async () => {
  const database = await createTestDatabase();
  const onError = (): void => undefined;
  const connection = connectQueues({
    redis: testRedis(),
    postgresUrl: database.url,
    workers: true,
    onError,
    onWarning: onError,
  });
  const queues = openQueues(connection, onError);
  let putOff: () => void = onError;
  const held = new Promise<void>((resolve) => (putOff = resolve));
  const link = connection.openWorkers();
  const worker = new Worker(
    'streams',
    async (job, token) => {
      await held;
      await job.moveToDelayed(Date.now() + 3_600_000, token);
      throw new DelayedError();
    },
    { connection: link.connection, prefix: connection.prefix },
    connection.factory,
  );
  try {
    const context = { db: database.db, connection, queues, logger: pino({ level: 'silent' }) };
    await connection.ready();
    await queues.streams.add('stream', { runId: 'none', stream: 'none' }, { jobId: 'put-off' });
    await expect.poll(() => queues.streams.getJobState('put-off')).toBe('active');
    const cancelled = afterCancel(context, { streamJobs: ['put-off', 'not-there'], promoted: undefined });
    // long enough for the first try to meet the worker's lock
    await new Promise((resolve) => setTimeout(resolve, 100));
    putOff();
    await cancelled;
    expect(await queues.streams.getJobState('put-off')).toBe('unknown');
  } finally {
    putOff();
    await worker.close();
    await link.close();
    await queues.close();
    await connection.close();
    await database.drop();
  }
});
