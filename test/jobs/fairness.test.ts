import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { cancelRun } from '../../src/sync/cancel.ts';
import { startFleet, waitFor, type Fleet } from '../support/fleet.ts';
import {
  startTinyProvider,
  tinyStream,
  type TinyAnswer,
  type TinyProvider,
} from '../support/tiny-provider.ts';

const BACKLOG = 10_000;
const SLOTS = 4;
const EMPTY: TinyAnswer = { body: { items: [], next: null } };

describe('a tenant with 10,000 pending stream jobs', () => {
  let fleet: Fleet;
  let tiny: TinyProvider;
  /** answers of the big tenant that are held back, oldest first */
  const held: (() => void)[] = [];
  let open = false;

  beforeAll(async () => {
    tiny = await startTinyProvider(
      Array.from({ length: BACKLOG }, (_, index) => tinyStream(`s${String(index).padStart(5, '0')}`)),
    );
    tiny.answer = async (url) => {
      if (!open && !isSmall(url.pathname)) await new Promise<void>((resolve) => void held.push(resolve));
      return EMPTY;
    };
    const { streams } = tiny.definition;
    // listed by its first stream alone, since each that is listed gets a view
    const definition = { ...tiny.definition, streams: streams.slice(0, 1), streamsFor: () => streams };
    fleet = await startFleet({ providers: [definition], concurrency: SLOTS });
  });
  afterEach(() => {
    open = false;
    tiny.asked.splice(0);
  });
  afterAll(async () => {
    release(Infinity);
    await fleet.close();
    await tiny.close();
  });

  const isSmall = (path: string): boolean => path.includes('/small');
  const release = (count: number): void => {
    open = count === Infinity;
    for (const answer of held.splice(0, count)) answer();
  };
  const waitingInQueue = async (): Promise<number> => {
    const depths = await fleet.runtime.jobs.depths();
    return depths.find(({ queue, state }) => queue === 'streams' && state === 'waiting')?.jobs ?? 0;
  };
  const cancel = async (runId: string): Promise<void> => {
    const { db, tokens, loadConnection, logger, now } = fleet.runtime;
    const cancelled = await cancelRun({ db, tokens, loadConnection, logger, now }, runId);
    release(Infinity);
    if (cancelled !== undefined) await fleet.runtime.jobs.afterCancel(cancelled);
    expect(await fleet.ended(runId)).toMatchObject({ status: 'cancelled' });
  };

  it.each([
    ['asked for as urgently', 10, 10],
    ['that is more urgent', 10, 1],
    ['that is less urgent', 1, 10],
  ])(
    'delays another tenant’s single run %s by one turn of one slot',
    async (what, bigPriority, smallPriority) => {
      const name = what.replaceAll(/\W/g, '-');
      await fleet.connect(`big-${name}`, { ...tiny.connection, limits: { concurrency: SLOTS } });
      const { token, api } = tiny.connection.endpoints as { token: string; api: string };
      await fleet.connect(`small-${name}`, {
        ...tiny.connection,
        endpoints: { token, api: `${api}/small` },
        streams: ['s00000'],
      });
      const big = await fleet.runtime.jobs.askForRun({
        connectionId: `big-${name}`,
        trigger: 'command',
        priority: bigPriority,
      });
      // every slot works for the big tenant, and the rest of its backlog is in Postgres
      await waitFor(() => (held.length === SLOTS ? true : undefined), 20_000);
      const backlog = await fleet.database.db.pool.query<{ count: number }>(
        `select count(*)::int as count from sluice.run_streams where run_id = $1 and status = 'pending'`,
        [big],
      );
      expect(backlog.rows).toEqual([{ count: BACKLOG - SLOTS }]);
      expect(await waitingInQueue()).toBe(0);

      const small = await fleet.runtime.jobs.askForRun({
        connectionId: `small-${name}`,
        trigger: 'command',
        priority: smallPriority,
      });
      await waitFor(async () => ((await waitingInQueue()) === 1 ? true : undefined), 10_000);
      expect(tiny.asked.some(isSmall)).toBe(false);
      const before = tiny.asked.length;
      // one stream of the big tenant ends, and none after it: the others keep their slots all the time
      release(1);
      expect(await fleet.ended(small)).toMatchObject({ status: 'succeeded', error: null });
      // the freed slot was the small run's first
      expect(tiny.asked.slice(before).findIndex(isSmall)).toBe(0);
      await cancel(big);
    },
    60_000,
  );
});
