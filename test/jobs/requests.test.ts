import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ticketForRun } from '../../src/store/run-tickets.ts';
import {
  closeRun,
  loadRun,
  planRun,
  releaseStreams,
  requestRun,
  requestRunIn,
  resumeStream,
  type RunRequest,
} from '../../src/store/runs.ts';
import { claimDue, removeConnection } from '../../src/store/connections.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

describe('asking for runs', () => {
  let database: TestDatabase;
  let count = 0;
  let id = '';
  beforeAll(async () => {
    database = await createTestDatabase({ max: 25 });
  });
  afterAll(() => database.drop());
  beforeEach(() => void (id = `c${(count += 1)}`));

  const ask = (more: Partial<RunRequest> = {}) =>
    requestRun(database.db, { connectionId: id, trigger: 'api', priority: 10, ...more });
  const begin = (runId: string, streams: readonly string[] = ['s']): Promise<number> =>
    planRun(database.db, runId, () => streams.map((stream) => ({ stream, wave: 0, mode: 'full' })));
  const open = async () =>
    (
      await database.db.pool.query<{ id: string; slot: string }>(
        'select id, slot from sluice.runs where connection_id = $1 and slot is not null order by slot',
        [id],
      )
    ).rows;

  it('gives twenty at once the same run, and one of them the task to put it into the queue', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask()));
    expect(new Set(answers.map((answer) => answer.runId)).size).toBe(1);
    expect(answers.filter((answer) => answer.enqueue)).toHaveLength(1);
    expect(await open()).toMatchObject([{ slot: 'active' }]);
  });

  it('gives twenty at once the same queued run while one is under way', async () => {
    const { runId } = await ask();
    await begin(runId);
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask()));
    expect(new Set(answers.map((answer) => answer.runId)).size).toBe(1);
    expect(answers.some((answer) => answer.enqueue)).toBe(false);
    expect(await open()).toEqual([
      { id: runId, slot: 'active' },
      { id: answers[0]?.runId, slot: 'queued' },
    ]);
  });

  it('unites what is asked for: streams, full, allowDeletes, the sooner priority', async () => {
    const { runId } = await ask({ streams: ['b', 'a'] });
    await ask({ streams: ['c', 'a'], full: true, priority: 20 });
    expect(await loadRun(database.db, runId)).toMatchObject({
      streams: ['a', 'b', 'c'],
      full: true,
      allow_deletes: false,
      priority: 10,
    });
    await ask({ streams: ['c'], allowDeletes: true, priority: 1 });
    expect(await loadRun(database.db, runId)).toMatchObject({ full: true, allow_deletes: true, priority: 1 });
    await ask();
    expect(await loadRun(database.db, runId)).toMatchObject({ streams: null });
    await ask({ streams: ['d'] });
    expect(await loadRun(database.db, runId)).toMatchObject({ streams: null });
  });

  it('does not join a run that was cancelled before it began', async () => {
    const { runId } = await ask();
    await database.db.pool.query('update sluice.runs set cancel_requested = true where id = $1', [runId]);
    expect((await ask()).runId).not.toBe(runId);
  });

  it('loses no request that comes while a run begins: it is planned, or another run is queued', async () => {
    for (let round = 0; round < 30; round += 1) {
      id = `race${round}`;
      const first = await ask({ streams: ['a'] });
      const [, joined] = await Promise.all([
        planRun(database.db, first.runId, (run) =>
          (run.streams ?? []).map((stream) => ({ stream, wave: 0, mode: 'full' as const })),
        ),
        ask({ streams: ['b'] }),
      ]);
      const planned = await database.db.pool.query<{ stream: string }>(
        'select stream from sluice.run_streams where run_id = $1 order by stream',
        [first.runId],
      );
      const streams = planned.rows.map((row) => row.stream);
      if (joined.runId === first.runId) expect(streams).toEqual(['a', 'b']);
      else expect((await loadRun(database.db, joined.runId))?.streams).toEqual(['b']);
    }
  });

  it('makes the queued run active when the active one ends, once, whoever ends it', async () => {
    const { runId } = await ask();
    await begin(runId);
    const queued = await ask();
    const closed = await Promise.all(Array.from({ length: 10 }, () => closeRun(database.db, runId)));
    expect(closed.filter((one) => one !== undefined)).toMatchObject([{ promoted: queued.runId }]);
    expect(await open()).toEqual([{ id: queued.runId, slot: 'active' }]);
    expect(await closeRun(database.db, queued.runId)).toMatchObject({ promoted: undefined });
    expect(await open()).toEqual([]);
  });

  it('names each queue job anew, and replaces only the job that was meant', async () => {
    const { runId } = await ask();
    const first = await ticketForRun(database.db, runId);
    const second = await ticketForRun(database.db, runId);
    expect(second?.jobId).not.toBe(first?.jobId);
    expect(await ticketForRun(database.db, runId, first?.jobId ?? null)).toBeUndefined();
    expect(await ticketForRun(database.db, runId, null)).toBeUndefined();
    expect(await ticketForRun(database.db, runId, second?.jobId ?? null)).toBeDefined();
    await closeRun(database.db, runId);
    expect(await ticketForRun(database.db, runId)).toBeUndefined();
  });

  it('releases no more streams than fit, however many release at once', async () => {
    const { runId } = await ask();
    await begin(runId, ['a', 'b', 'c', 'd', 'e', 'f']);
    const rules = { concurrency: 3, parents: new Map<string, string>() };
    const released = await Promise.all(
      Array.from({ length: 10 }, () => releaseStreams(database.db, runId, rules)),
    );
    const tickets = released.flatMap((one) => one.tickets);
    expect(tickets).toHaveLength(3);
    // a waiting one makes room; coming back it has to find some
    const [back] = tickets;
    await database.db.pool.query(
      `update sluice.run_streams set status = 'waiting' where run_id = $1 and stream = $2`,
      [runId, back?.stream],
    );
    expect((await releaseStreams(database.db, runId, rules)).tickets).toHaveLength(1);
    const resume = (jobId = back?.jobId ?? '') =>
      resumeStream(database.db, runId, back?.stream ?? '', jobId, rules.concurrency);
    expect(await resume()).toBe(false);
    await database.db.pool.query(
      `update sluice.run_streams set status = 'succeeded' where run_id = $1 and stream = $2`,
      [runId, tickets[1]?.stream],
    );
    expect(await resume('a job of before')).toBe(false);
    expect(await resume()).toBe(true);
    expect(await resume()).toBe(false);
  });

  it('ends the open runs of a connection that is removed', async () => {
    const { runId } = await ask();
    await begin(runId);
    const queued = await ask();
    await database.db.tx((client) => removeConnection(client, id));
    expect(await open()).toEqual([]);
    for (const one of [runId, queued.runId])
      expect(await loadRun(database.db, one)).toMatchObject({ status: 'cancelled', slot: null });
  });

  it('moves a schedule on only together with the run that it asks for', async () => {
    const later = `${id}-later`;
    await database.db.pool.query(
      `insert into sluice.connections (id, provider, managed_by, config, credentials, next_run_at)
       values ($1, 'p', 'file', '{}', '', now() - interval '2 minutes'),
              ($2, 'p', 'file', '{}', '', now() - interval '1 minute')`,
      [id, later],
    );
    const claim = (killedAt?: string) =>
      claimDue(database.db, new Date(), 10, {
        next: () => null,
        async ask(client, connection) {
          if (connection.id === killedAt) throw new Error('killed');
          await requestRunIn(client, { connectionId: connection.id, trigger: 'schedule', priority: 10 });
        },
      });
    await expect(claim(later)).rejects.toThrow('killed');
    expect(await open()).toEqual([]);
    const [again, meanwhile] = await Promise.all([claim(), claim()]);
    expect([...again, ...meanwhile].map((row) => row.id).sort()).toEqual([id, later]);
    expect(await claim()).toEqual([]);
    expect(await open()).toMatchObject([{ slot: 'active' }]);
  });
});
