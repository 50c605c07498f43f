/** The console's pages over a real fleet: what an operator finds on them, and what must never stand there. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LOOKED_AT } from '../../src/sync/record-search.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { startTinyProvider, tinyStream, type TinyProvider } from '../support/tiny-provider.ts';
import { startReadingSite, type ReadingSite } from './reading-site.ts';

const ODD = '../a b/<i>&"?#%';
const SECRET = 'canary-client-secret-5f1d';

let fleet: Fleet;
let tiny: TinyProvider;
let site: ReadingSite;
/** of the first run */
let runId = '';

beforeAll(async () => {
  tiny = await startTinyProvider([tinyStream('things'), tinyStream('many')]);
  fleet = await startFleet({ providers: [tiny.definition], lucca: { records: 5 } });
  await fleet.connect('acme', {
    ...tiny.connection,
    credentials: { clientId: 'c', clientSecret: SECRET },
    tokenPolicy: 'reuse',
    streams: ['things'],
  });
  const serve = (name: string, more: readonly object[] = []): void => {
    tiny.answer = () => ({
      body: { items: [{ id: ODD, name, kept: '<b>bold</b>' }, { id: 'plain' }, ...more] },
    });
  };
  serve('first', [{ noId: true }]);
  runId = (await fleet.sync('acme')).id;
  serve('second');
  await fleet.sync('acme');
  site = await startReadingSite(fleet);
});
afterAll(async () => {
  await site.close();
  await fleet.close();
  await tiny.close();
});

const read: ReadingSite['read'] = (path, status) => site.read(path, status);
/** The first link of the page's content that fits. */
const linkIn = (html: string, pattern: RegExp): string => {
  const links = [...html.slice(html.indexOf('<main')).matchAll(/href="([^"]+)"/g)].map(
    ([, href = '']) => href,
  );
  return (links.find((href) => pattern.test(href)) ?? '').replaceAll('&amp;', '&');
};

describe('the pages of the console', () => {
  it('ask for the login first, every one of them', async () => {
    for (const path of ['/', '/connections/acme', '/runs', `/runs/${runId}`, '/activity', '/providers']) {
      const answer = await site.stranger().get(path);
      expect(answer.status, path).toBe(303);
    }
    for (const path of ['', '/record', '/rejected'])
      expect((await site.stranger().get(`/connections/acme/streams/things${path}`)).status).toBe(303);
  });

  it('show a connection with its token, without the token, and lead to what can be done', async () => {
    const html = await read('/connections/acme');
    expect(html).toContain('one token until it expires');
    expect(html).toMatch(/Fingerprint<\/dt><dd><code>[0-9a-f]{12}</);
    expect(html).toContain('href="/connections/acme/actions/sync"');
    // the fleet's connections come from a file
    expect(html).toContain('read-only here');
    expect(html).not.toContain('/actions/remove');
    expect(linkIn(html, /streams\/things$/)).toBe('/connections/acme/streams/things');
    expect(await read('/connections')).toContain('href="/connections/acme"');
  });

  it('hold no secret, in any form', async () => {
    const paths = ['/', '/connections', '/connections/acme', `/runs/${runId}`, '/runs', '/providers'];
    const tokens = await fleet.runtime.db.pool.query<{ ciphertext: string }>(
      'select ciphertext from sluice.tokens',
    );
    for (const path of paths) {
      const html = await read(path);
      for (const secret of [SECRET, Buffer.from(SECRET).toString('base64'), encodeURIComponent(SECRET)])
        expect(html).not.toContain(secret);
      for (const { ciphertext } of tokens.rows) expect(html).not.toContain(ciphertext);
      // as the provider of this test makes tokens
      expect(html).not.toMatch(/\bt\d{13}\b/);
    }
  });

  it('show a run with its requests, and the records that it rejected with the reason', async () => {
    const html = await read(`/runs/${runId}`);
    expect(html).toContain('200');
    expect(html).toContain('/things');
    // it is over: nothing keeps it up to date
    expect(html).not.toContain('data-topic');
    const rejected = await read(linkIn(html, /rejected$/));
    expect(rejected).toContain('no readable id');
    expect(rejected).toContain('noId');
    expect(await read('/runs?connection=acme&status=succeeded')).toContain(`/runs/${runId}`);
    expect(await read('/runs?connection=nobody')).toContain('No run fits');
  });

  it('say that there is no such status or state, which there are, and show the list all the same', async () => {
    const runs = await read('/runs?status=N%3CONSENSE&connection=acme');
    expect(runs).toMatch(/There is no status <code>N&lt;ONSENSE<\/code>/);
    expect(runs).toContain('<code>partial</code>, <code>failed</code>, <code>held</code>');
    expect(runs).toContain(`/runs/${runId}`);
    // what is well known still narrows the list, and no further page repeats what isn't
    expect(runs).toMatch(/<option value="acme" selected/);
    expect(runs).not.toMatch(/href="[^"]*ONSENSE/);
    expect(await read('/runs?status=failed')).not.toContain('There is no status');
    const connections = await read('/connections?state=toString&search=acme');
    expect(connections).toMatch(/There is no state <code>toString<\/code>/);
    expect(connections).toContain('<code>needs_person</code>');
    expect(connections).toContain('href="/connections/acme"');
    expect(await read('/connections?state=active')).not.toContain('There is no state');
    await read('/runs?status=%00', 400);
  });

  it('lead to a record of any id, with its body and what it was before', async () => {
    const list = await read('/connections/acme/streams/things');
    const html = await read(linkIn(list, /\/record\?id=\.\./));
    expect(html).toContain('&quot;second&quot;');
    expect(html).toContain('Changed: <code>name</code>');
    expect(html).toContain('&quot;first&quot;');
    expect(html).toContain('&lt;b&gt;bold&lt;/b&gt;');
    expect(html).not.toContain('<b>bold');
    expect(html).not.toContain('<i>');
  });

  it('find records by the beginning of their id and by a text in them', async () => {
    const found = async (query: object): Promise<string[]> => {
      const all = { prefix: '', text: '', deleted: false, after: undefined };
      return (await site.pages.records('acme', 'things', { ...all, ...query })).found.map(({ id }) => id);
    };
    expect(await found({ prefix: 'pl' })).toEqual(['plain']);
    expect(await found({ text: 'SECOND' })).toEqual([ODD]);
    expect(await found({ prefix: 'pl', text: 'second' })).toEqual([]);
    // what means something to `like` is a text here
    expect(await found({ prefix: '%' })).toEqual([]);
  });

  it('search no further than a bound, and say where to search on', async () => {
    await fleet.runtime.db.pool.query(
      `insert into sluice.records (connection_id, stream, record_id, data, hash, seq, writer, changed_at)
       select 'acme', 'many', lpad(n::text, 6, '0'), jsonb_build_object('n', n, 'last', n = $1), '', n, 'test', now()
         from generate_series(1, $1::int) n`,
      [LOOKED_AT + 10],
    );
    await fleet.runtime.db.pool.query(
      `insert into sluice.streams (connection_id, stream, last_seq) values ('acme', 'many', 1)`,
    );
    const request = { prefix: '', text: '"last": true', deleted: false, after: undefined };
    const first = await site.pages.records('acme', 'many', request);
    expect(first).toMatchObject({ found: [], lookedAt: LOOKED_AT, next: String(LOOKED_AT).padStart(6, '0') });
    const second = await site.pages.records('acme', 'many', { ...request, after: first.next ?? undefined });
    expect(second).toMatchObject({ lookedAt: 10, next: null });
    expect(second.found).toHaveLength(1);
    // and page by page each record comes once
    const ids = new Set<string>();
    let after: string | undefined;
    do {
      const shown = await site.pages.records('acme', 'many', { ...request, text: '', prefix: '0000', after });
      for (const { id } of shown.found) ids.add(id);
      after = shown.next ?? undefined;
    } while (after !== undefined);
    expect(ids.size).toBe(99);
  });

  it('answer 404 for what is not there, and 400 for what no page gave', async () => {
    await read('/connections/nobody', 404);
    await read('/connections/%00', 404);
    await read('/connections/acme/streams/nothing', 404);
    await read('/connections/acme/streams/things/record?id=nobody', 404);
    await read(`/runs/${runId.replace(/.$/, 'x')}`, 404);
    await read('/providers/nobody', 404);
    await read('/runs?cursor=made-up', 400);
    await read('/connections/acme/streams/things?prefix=%00', 400);
    await read('/connections/acme/streams/things/rejected?before=x', 400);
    await read('/activity?hours=0', 400);
  });

  it('count what was done in each hour', async () => {
    const { hours } = JSON.parse(await read('/activity?hours=3')) as { hours: Record<string, unknown>[] };
    expect(hours).toHaveLength(3);
    expect(hours.reduce((sum, hour) => sum + Number(hour.succeeded), 0)).toBe(2);
    expect(hours.reduce((sum, hour) => sum + Number(hour.added), 0)).toBe(2);
    expect(hours.reduce((sum, hour) => sum + Number(hour.updated), 0)).toBe(1);
  });

  it('say of every provider what it needs', async () => {
    const html = await read('/providers');
    for (const name of ['lucca', 'floriday', 'loke', 'lockit', 'coloop'])
      expect(html).toContain(`/providers/${name}`);
    expect(await read('/providers/lucca')).toContain('clientSecret');
  });

  it('load their scripts from here, for good under the address with their hash', async () => {
    const html = await read('/');
    const [, path = ''] = /src="(\/assets\/live\.js\?v=[0-9a-f]+)"/.exec(html) ?? [];
    const answer = await site.stranger().get(path);
    expect(answer.headers.get('cache-control')).toContain('immutable');
    expect(answer.headers.get('content-type')).toContain('text/javascript');
    expect((await site.stranger().get('/assets/live.js?v=0')).headers.get('cache-control')).toBe('no-cache');
    expect((await site.stranger().get('/assets/__proto__')).status).toBe(404);
  });
});
