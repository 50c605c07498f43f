import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { checkFleet, joinFleet } from '../../src/store/fleet.ts';
import { redisFingerprint } from '../../src/store/redis.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { waitFor } from '../support/wait.ts';

describe('the fleet', () => {
  let database: TestDatabase;
  const members: { leave(): Promise<void> }[] = [];
  const trouble: unknown[] = [];
  let count = 0;
  beforeAll(async () => {
    database = await createTestDatabase({ max: 10 });
  });
  afterEach(async () => {
    await Promise.all(members.splice(0).map((member) => member.leave()));
    await database.db.pool.query('delete from sluice.fleet');
    expect(trouble.splice(0)).toEqual([]);
  });
  afterAll(() => database.drop());

  const join = async (backend: string, beatMs?: number): Promise<{ leave(): Promise<void> }> => {
    const member = await joinFleet(
      database.db,
      { id: `p${(count += 1)}`, role: 'worker', backend },
      {
        onTrouble: (error) => trouble.push(error),
        ...(beatMs === undefined ? {} : { beatMs }),
      },
    );
    members.push(member);
    return member;
  };
  const mismatch = { code: 'backend_mismatch', advice: expect.stringContaining('REDIS_URL') as string };
  const age = () =>
    database.db.pool.query(`update sluice.fleet set seen_at = seen_at - interval '31 seconds'`);

  it('takes any number with the same backend, and refuses another as long as one of them lives', async () => {
    const first = await join('postgres');
    const second = await join('postgres');
    await expect(join('redis:1')).rejects.toMatchObject(mismatch);
    await first.leave();
    await expect(checkFleet(database.db, 'redis:1')).rejects.toMatchObject(mismatch);
    await checkFleet(database.db, 'postgres');
    await second.leave();
    await join('redis:1');
    await expect(join('redis:2')).rejects.toMatchObject(mismatch);
  });

  it('lets in one backend only, however many come at the same moment', async () => {
    const outcomes = await Promise.allSettled(
      Array.from({ length: 10 }, (_, index) => join(index % 2 === 0 ? 'postgres' : 'redis:1')),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(5);
  });

  it('forgets a process that has died, when it has shown no sign of life for half a minute', async () => {
    await join('postgres', 600_000);
    await age();
    await join('redis:1');
    const rows = await database.db.pool.query<{ backend: string }>('select backend from sluice.fleet');
    expect(rows.rows).toEqual([{ backend: 'redis:1' }]);
  });

  it('counts a process as alive while it beats, and tells one that slept through its time', async () => {
    await join('postgres', 30);
    await age();
    await waitFor(
      async () => (await checkFleet(database.db, 'redis:1').catch(() => true)) ?? undefined,
      5_000,
    );
    await age();
    await database.db.pool.query(
      `insert into sluice.fleet (id, role, backend) values ('late', 'worker', 'redis:1')`,
    );
    await waitFor(() => (trouble.length > 0 ? true : undefined), 5_000);
    expect(trouble[0]).toMatchObject(mismatch);
    await database.db.pool.query(`delete from sluice.fleet where id = 'late'`);
    await Promise.all(members.splice(0).map((member) => member.leave()));
    trouble.splice(0);
  });
});

describe('the fingerprint of a Redis', () => {
  const of = (url: string, prefix = 'sluice') => redisFingerprint({ url, prefix });

  it('tells host, port, database and prefix apart, and no credentials', () => {
    const places = [
      of('redis://one'),
      of('redis://two'),
      of('redis://one:6380'),
      of('redis://one/1'),
      of('redis://one', 'other'),
    ];
    expect(new Set(places).size).toBe(places.length);
    const same = ['redis://user:secret@ONE:6379/0', 'rediss://one', 'redis://:other@one/'];
    expect(new Set(same.map((url) => of(url)))).toEqual(new Set([of('redis://one')]));
  });
});
