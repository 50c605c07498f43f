import { afterAll, beforeAll, expect, it } from 'vitest';
import { resetStreams } from '../../src/sync/reset.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { startTinyProvider, type TinyProvider } from '../support/tiny-provider.ts';
import { answerFrom, feedStream, SequenceFeed } from './sequence-feed.ts';

let fleet: Fleet;
let tiny: TinyProvider;
const feed = new SequenceFeed();
beforeAll(async () => {
  tiny = await startTinyProvider([feedStream('items')]);
  tiny.answer = answerFrom(() => feed);
  fleet = await startFleet({ providers: [tiny.definition] });
  await fleet.connect('one', { ...tiny.connection, streams: ['items'] });
});
afterAll(async () => {
  await fleet.close();
  await tiny.close();
});

const pass = async () => (await fleet.sync('one')).streams[0];
const lastSeq = async (): Promise<number> => {
  const rows = await fleet.database.db.pool.query<{ last_seq: string }>(
    'select last_seq from sluice.streams',
  );
  return Number(rows.rows[0]?.last_seq);
};

it('a stream that was reset is read from the start; its records stay and its change numbers go on', async () => {
  for (const id of ['a', 'b', 'c', 'd', 'e']) feed.put(id);
  expect(await pass()).toMatchObject({ mode: 'full', added: 5 });
  feed.put('f');
  expect(await pass()).toMatchObject({ mode: 'incremental', added: 1, unchanged: 0 });

  await resetStreams(fleet.database.db, 'one', ['items']);
  expect(await lastSeq()).toBe(6);
  feed.put('g');
  expect(await pass()).toMatchObject({ mode: 'full', added: 1, unchanged: 6 });
  expect(await lastSeq()).toBe(7);
  expect([...(await fleet.mirror('one', 'items')).keys()].sort()).toEqual(feed.live());
  expect(await pass()).toMatchObject({ mode: 'incremental', added: 0 });
});

it('a reset during a pass lets it end, and the next one begins from the start', async () => {
  for (const id of ['h', 'i', 'j', 'k', 'l', 'm', 'n']) feed.put(id);
  let pages = 0;
  let reset: Promise<void> | undefined;
  feed.onPage = () => {
    pages += 1;
    if (pages === 2) reset = resetStreams(fleet.database.db, 'one', ['items']);
  };
  expect(await pass()).toMatchObject({ status: 'succeeded', mode: 'incremental', added: 7 });
  expect(reset).toBeDefined();
  await reset;
  feed.onPage = () => undefined;
  expect(await pass()).toMatchObject({ mode: 'full', added: 0, unchanged: 14 });
});
