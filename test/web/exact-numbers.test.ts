/** Numbers that JavaScript can't hold, from the provider's answer to every place where a record is read. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { readRecords } from '../../src/sync/read-records.ts';
import { csvOf } from '../../src/commands/records-csv.ts';
import { startConsole, type TestConsole } from '../support/console.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { startTinyProvider, tinyStream, type TinyProvider } from '../support/tiny-provider.ts';

const [ID, NEXT_ID] = ['90071992547409931', '90071992547409932'];
const CUSTOMER = '9223372036854775807';
const [PRICE, RAISED] = ['0.3333333333333333333333333333', '0.3333333333333333333333333334'];
const item = (id: string, price: string): string =>
  `{"price":${price},"id":${id},"customer":${CUSTOMER},"text":"${CUSTOMER}"}`;

describe('a record with numbers that no double holds', () => {
  let fleet: Fleet;
  let tiny: TinyProvider;
  let web: TestConsole;
  let items: string[] = [];
  const definition = tinyStream('things', {
    paging: { style: 'none' },
    schema: z.looseObject({ price: z.number(), customer: z.int() }),
  });
  const at = '/v1/connections/acme/streams/things';
  const text = async (path: string): Promise<string> => (await web.ask('GET', path)).text();

  beforeAll(async () => {
    tiny = await startTinyProvider([definition]);
    tiny.answer = () => ({ body: `{"items":[${items.join(',')}]}` });
    fleet = await startFleet({ providers: [tiny.definition] });
    web = await startConsole(fleet);
    await fleet.connect('acme', tiny.connection);
  });
  afterAll(async () => {
    await web?.close();
    await fleet?.close();
    await tiny?.close();
  });

  it('is stored digit by digit, and not taken for its neighbour', async () => {
    items = [item(ID, PRICE), item(NEXT_ID, PRICE)];
    const run = await fleet.sync('acme');
    expect(run.streams).toMatchObject([{ added: 2, rejected: 0 }]);
    const { rows } = await fleet.database.db.pool.query(
      `select record_id, data ->> 'id' as id, data ->> 'customer' as customer, data ->> 'price' as price,
              jsonb_typeof(data -> 'price') as type from sluice.records order by record_id`,
    );
    expect(rows).toEqual(
      [ID, NEXT_ID].map((id) => ({ record_id: id, id, customer: CUSTOMER, price: PRICE, type: 'number' })),
    );
  });

  it('has not changed where it hasn’t, and has where only the last digit did', async () => {
    expect((await fleet.sync('acme')).streams).toMatchObject([{ unchanged: 2, updated: 0 }]);
    items = [item(ID, RAISED), item(NEXT_ID, PRICE)];
    expect((await fleet.sync('acme')).streams).toMatchObject([{ unchanged: 1, updated: 1 }]);
  });

  it('is given with all its digits by the API, the commands and the pages', async () => {
    const records = await text(`${at}/records`);
    for (const digits of [`"id":${ID}`, `"id":${NEXT_ID}`, `"customer":${CUSTOMER}`, `"price":${RAISED}`])
      expect(records.replaceAll(' ', '')).toContain(digits);
    expect(await text(`${at}/changes`)).toContain(`"price":${RAISED}`);
    const lines: string[] = [];
    for await (const piece of csvOf(
      readRecords(fleet.runtime.db, 'acme', 'things', { deleted: false }),
      definition,
    ))
      lines.push(piece);
    expect(lines.join('')).toContain(`${RAISED},${CUSTOMER}`);
    expect(lines.join('')).toContain(`""id"":${ID}`);
    const page = await (await web.me.get(`/connections/acme/streams/things/record?id=${ID}`)).text();
    expect(page).toContain(`&quot;price&quot;: ${RAISED}`);
    expect(page).toContain(`&quot;price&quot;: ${PRICE}`);
  });

  it('is refused, alone and with the reason, where Postgres would have to write out a million digits', async () => {
    items = [item(ID, '1e1000000'), item(NEXT_ID, '1e400')];
    expect((await fleet.sync('acme')).streams).toMatchObject([{ updated: 1, rejected: 1 }]);
    const rejected = await fleet.database.db.pool.query(
      'select record_id, reason, convert_from(raw, $1) as raw from sluice.rejected_records',
      ['utf8'],
    );
    expect(rejected.rows).toMatchObject([
      { record_id: ID, reason: 'has a number beyond ten to the power of 1000' },
    ]);
    expect(rejected.rows[0].raw).toContain('"price":1e1000000');
  });
});
