import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  connectionBody,
  formatProblems,
  parseConfigFile,
  parseConnection,
  parseDuration,
  parseSchedule,
  readConfigFile,
  suggest,
} from '../../src/config/index.ts';

const parse = (text: string, env: NodeJS.ProcessEnv = {}) =>
  parseConfigFile(text, {
    path: 'sluice.yaml',
    env,
    checkEndpoint: (url) => (url.includes('//10.') ? 'is on a private network' : undefined),
  });

/** One connection whose body has these lines behind `provider`, which stands on line 3. */
const withLines = (...lines: string[]) =>
  ['connections:', '  acme:', '    provider: lucca', ...lines.map((line) => `    ${line}`), ''].join('\n');

describe('a sound file', () => {
  const full = withLines(
    'settings: { host: acme.ilucca.net, deep: { list: [1, true, null] } }',
    'credentials: { clientId: id, clientSecret: [new, old], webhookSecret: whsec }',
    'scopes: [employees.readonly]',
    'streams: [employees, departments]',
    'schedule: " 0 6 * * * "',
    'timezone: Europe/Paris',
    'tokenPolicy: reuse',
    'endpoints: { token: "http://127.0.0.1:4010/token", api: http://127.0.0.1:4010 }',
    'limits: { concurrency: 1, requestsPerMinute: 200, pageSize: 500 }',
    'retry: { attempts: 3, baseDelay: 200ms, maxDelay: 1h }',
    'deletes: { maxShare: 0, minRows: 0 }',
    'fullEvery: 1d',
    'retention: { changes: 1h, events: 7d, runs: 10d }',
    'webhooks: { apply: refetch }',
    'oauth: { basicEncoding: raw, pkce: false, prompt: consent, params: { audience: x } }',
    'customStreams:',
    '  - { name: vouchers, path: /vouchers, items: data, id: id, paging: { style: next-link, at: links.next }, changes: full }',
    '  - { name: lines, parent: vouchers, path: "/vouchers/{parent}/lines", id: [a, b], paging: { style: offset } }',
    '  - { name: newest, path: /newest, id: id, changes: { detect: watermark, order: newest-first, field: at, overlap: 2m, completeQuery: { sort: id } } }',
    '  - { name: newer, path: /newer, id: id, changes: { detect: watermark, order: ascending, field: at, format: epoch-seconds, since: { param: modifiedAt, prefix: "since," } } }',
    '  - name: feed',
    '    path: /feed/{sequence}',
    '    items: results',
    '    id: id',
    '    changes: { detect: sequence }',
    '    restartsWith: vouchers',
    '    version: at.changed',
    '    docs: https://example.com/feed#top',
    '    tombstones: [{ field: gone, values: [true, GONE] }]',
    '    paging: { style: sequence, sizeParam: "page[size]", maximumAt: m, numberAt: n, currentMaximumPath: /feed/max }',
  );

  it('is written back as it was read, without its defaults', () => {
    const [read] = parse(full).connections;
    if (read === undefined) throw new Error('it is sound');
    const body = connectionBody(read);
    expect(parseConnection('acme', body)).toMatchObject({ problems: [], connection: read });
    expect(body).toMatchObject({
      retry: { baseDelay: '200ms', maxDelay: '1h' },
      retention: { changes: '1h', events: '7d', runs: '10d' },
    });
    expect(parseConnection('acme', { provider: 'lucca' }).connection).toSatisfy((plain: typeof read) =>
      isDeepStrictEqual(connectionBody(plain), { provider: 'lucca' }),
    );
  });

  it('is read with every key', () => {
    const { connections, problems } = parse(full);
    expect(problems).toEqual([]);
    expect(connections).toEqual([
      {
        id: 'acme',
        provider: 'lucca',
        settings: { host: 'acme.ilucca.net', deep: { list: [1, true, null] } },
        credentials: { clientId: 'id', clientSecret: ['new', 'old'], webhookSecret: 'whsec' },
        scopes: ['employees.readonly'],
        streams: ['employees', 'departments'],
        schedule: '0 6 * * *',
        timezone: 'Europe/Paris',
        tokenPolicy: 'reuse',
        endpoints: { token: 'http://127.0.0.1:4010/token', api: 'http://127.0.0.1:4010' },
        limits: { concurrency: 1, requestsPerMinute: 200, pageSize: 500 },
        retry: { attempts: 3, baseDelayMs: 200, maxDelayMs: 3_600_000 },
        deletes: { maxShare: 0, minRows: 0 },
        fullEveryMs: 86_400_000,
        retention: { changesMs: 3_600_000, eventsMs: 604_800_000, runsMs: 864_000_000 },
        webhooks: { apply: 'refetch' },
        oauth: { basicEncoding: 'raw', pkce: false, prompt: 'consent', params: { audience: 'x' } },
        customStreams: [
          {
            name: 'vouchers',
            path: '/vouchers',
            scopes: [],
            items: 'data',
            id: 'id',
            paging: { style: 'next-link', at: 'links.next' },
            changes: { detect: 'full' },
          },
          {
            name: 'lines',
            parent: 'vouchers',
            path: '/vouchers/{parent}/lines',
            scopes: [],
            items: '',
            id: ['a', 'b'],
            paging: { style: 'offset', offsetParam: 'offset', sizeParam: 'limit', pageSize: 100 },
            changes: { detect: 'full' },
          },
          {
            name: 'newest',
            path: '/newest',
            scopes: [],
            items: '',
            id: 'id',
            paging: { style: 'none' },
            changes: {
              detect: 'watermark',
              order: 'newest-first',
              field: 'at',
              overlapMs: 120_000,
              completeQuery: { sort: 'id' },
            },
          },
          {
            name: 'newer',
            path: '/newer',
            scopes: [],
            items: '',
            id: 'id',
            paging: { style: 'none' },
            changes: {
              detect: 'watermark',
              order: 'ascending',
              field: 'at',
              format: 'epoch-seconds',
              since: { param: 'modifiedAt', prefix: 'since,' },
            },
          },
          {
            name: 'feed',
            path: '/feed/{sequence}',
            restartsWith: 'vouchers',
            version: 'at.changed',
            tombstones: [{ field: 'gone', values: [true, 'GONE'] }],
            docs: 'https://example.com/feed#top',
            scopes: [],
            items: 'results',
            id: 'id',
            paging: {
              style: 'sequence',
              sizeParam: 'page[size]',
              pageSize: 1000,
              maximumAt: 'm',
              numberAt: 'n',
              currentMaximumPath: '/feed/max',
            },
            changes: { detect: 'sequence' },
          },
        ],
      },
    ]);
  });

  it('gets the documented defaults where it says nothing', () => {
    expect(parse(withLines()).connections).toEqual([
      {
        id: 'acme',
        provider: 'lucca',
        settings: {},
        credentials: {},
        timezone: 'UTC',
        endpoints: {},
        limits: {},
        retry: { attempts: 8, baseDelayMs: 2000, maxDelayMs: 900_000 },
        deletes: { maxShare: 0.5, minRows: 100 },
        fullEveryMs: 604_800_000,
        retention: { changesMs: 7_776_000_000, eventsMs: 2_592_000_000, runsMs: 7_776_000_000 },
        webhooks: {},
        oauth: { params: {} },
        customStreams: [],
      },
    ]);
  });

  it('survives being stored as JSON', () => {
    const { connections } = parse(full);
    expect(JSON.parse(JSON.stringify(connections))).toEqual(connections);
  });

  it('may be JSON, indented by tabs, with a byte order mark and Windows line ends, and keeps its lines', () => {
    const json =
      '\uFEFF{\r\n\t"connections": {\r\n\t\t"acme": {\r\n\t\t\t"provider": "lucca"\r\n\t\t}\r\n\t}\r\n}';
    const { connections, problems, lineOf } = parse(json);
    expect(problems).toEqual([]);
    expect(connections.map(({ id }) => id)).toEqual(['acme']);
    expect(lineOf(['connections', 'acme', 'provider'])).toBe(4);
  });

  it('may share parts by anchors', () => {
    const { connections, problems } = parse(
      'connections:\n  a: { provider: x, limits: &l { concurrency: 2 } }\n  b: { provider: x, limits: *l }',
    );
    expect(problems).toEqual([]);
    expect(connections.map(({ limits }) => limits.concurrency)).toEqual([2, 2]);
  });

  it('may have ids that look like numbers', () => {
    expect(parse('connections:\n  2024: { provider: x }').connections[0]?.id).toBe('2024');
  });

  it('may name no connection', () => {
    expect(parse('connections: {}')).toMatchObject({ connections: [], problems: [] });
  });
});

describe('a file that is no configuration', () => {
  const laughs = Array.from({ length: 9 }, (_, i) => {
    const item = i === 0 ? 'lol' : `*a${i - 1}`;
    return `a${i}: &a${i} [${Array.from({ length: 9 }, () => item).join(', ')}]`;
  }).join('\n');
  const cases: [string, string, number, RegExp][] = [
    ['nothing', '', 1, /is empty/],
    ['a comment alone', '# later', 1, /is empty/],
    ['a list', '- 1', 1, /not a map of keys/],
    ['text', 'hello', 1, /not a map of keys/],
    ['no connections', '{}', 1, /is missing/],
    ['empty connections', 'connections:', 1, /is empty/],
    ['a list of connections', 'connections:\n  - x', 1, /not a map of keys/],
    ['two documents', 'connections: {}\n---\nconnections: {}', 2, /more than one document/],
    ['a tab for indentation', 'connections:\n\ta: 1', 2, /indented by a tab/],
    ['an unclosed bracket', 'connections: {\n', 2, /not YAML/],
    ['an unquoted variable in braces', 'connections:\n  a: {provider: ${X}}', 2, /not YAML/],
    ['a custom tag', 'connections:\n  a: !!js/function x', 2, /YAML tag/],
    ['a tag of YAML', 'connections:\n  a: { provider: !!binary aaaa }', 2, /YAML tag/],
    ['a merge key', '<<: { b: 1 }\nconnections: {}', 1, /"<<": is not a known key/],
    ['a missing anchor', 'connections:\n  a: *b', 2, /anchor that is not there/],
    ['an anchor inside itself', 'connections: &a\n  x: *a', 2, /something that it is part of/],
    ['a billion laughs', laughs, 3, /more than 100 aliases/],
    ['a million brackets', '['.repeat(200_000), 1, /deeper than 32 levels/],
    ['a million list marks', '- '.repeat(100_000), 1, /deeper than 32 levels/],
    ['more than 1 MiB', `#${'x'.repeat(1024 * 1024)}`, 1, /larger than 1 MiB/],
    ['binary data', 'connections: \0', 1, /not UTF-8 text/],
    ['a list as a key', 'connections:\n  ? [a]\n  : 1', 2, /key that is not plain text/],
  ];
  it.each(cases)('%s: is answered with line and fix', (_name, text, line, message) => {
    const { problems, connections } = parse(text);
    const found = problems.find((problem) => message.test(`${problem.where}: ${problem.message}`));
    expect(found).toMatchObject({ severity: 'error', line });
    expect(found?.fix).toMatch(/^[A-Z].+\.$/);
    expect(connections).toEqual([]);
  });

  it('names both lines of a key that is written twice', () => {
    const { problems } = parse(withLines('timezone: UTC', 'schedule: manual', 'timezone: UTC'));
    expect(problems).toMatchObject([
      { line: 6, where: 'connections.acme.timezone', message: 'is written twice, on lines 4 and 6' },
    ]);
    expect(parse('connections:\n  a: { provider: x }\n  a: { provider: y }').problems).toMatchObject([
      { line: 3, message: 'is written twice, on lines 2 and 3' },
    ]);
  });

  it('cannot smuggle in a prototype', () => {
    const { problems } = parse('connections:\n  __proto__: { provider: lucca }');
    expect(problems).toMatchObject([{ where: 'connections.__proto__', message: 'is not a connection id' }]);
    expect(({} as Record<string, unknown>)['provider']).toBeUndefined();
  });
});

describe('a connection with a problem', () => {
  // the line in the file's fourth place, where it is reported, message, fix
  const cases: [string, string, RegExp, RegExp][] = [
    ['scope: [a]', 'scope', /not a known key; did you mean "scopes"\?/, /Write `scopes`/],
    ['xyzzy: 1', 'xyzzy', /not a known key$/, /known here: provider, settings/],
    ['settings: x', 'settings', /is text, not a map of keys/, /map of keys/],
    ['settings:', 'settings', /is empty/, /remove the key/],
    [
      'credentials: { clientSecret: 12345 }',
      'credentials.clientSecret',
      /is a number, not text/,
      /in quotes/,
    ],
    [
      'credentials: { clientSecret: true }',
      'credentials.clientSecret',
      /is true or false, not text/,
      /in quotes/,
    ],
    ['credentials: { clientSecret: [] }', 'credentials.clientSecret', /empty list/, /at least one/],
    ['credentials: { clientSecret: [a, 0123] }', 'credentials.clientSecret', /is a number/, /in quotes/],
    ['credentials: { clientSecret: "" }', 'credentials.clientSecret', /is empty/, /remove the key/],
    ['credentials: { clientSecret: }', 'credentials.clientSecret', /is empty/, /remove the key/],
    ['credentials: { clientSecret: { a: b } }', 'credentials.clientSecret', /is not text/, /list of texts/],
    ['scopes: a b', 'scopes', /is text, not a list/, /list/],
    ['scopes: [a b]', 'scopes[0]', /is not one scope/, /own entry/],
    ['scopes: [a, 1]', 'scopes[1]', /is a number, not text/, /in quotes/],
    ['streams: []', 'streams', /is empty/, /leave the key out/],
    ['streams: [a, b, a]', 'streams[2]', /in the list already/, /Remove/],
    ['schedule: 0 6 * *', 'schedule', /not a schedule/, /five cron fields/],
    ['schedule: "0 0 6 * * *"', 'schedule', /not a schedule/, /five cron fields/],
    ['schedule: "61 6 * * *"', 'schedule', /not a cron line/, /five cron fields/],
    ['schedule: "0 0 30 2 *"', 'schedule', /never comes true/, /exists in that month/],
    ['schedule: every 5', 'schedule', /is not a duration/, /such as 200ms/],
    ['schedule: every 0s', 'schedule', /shorter than 1s/, /between 1s and 365d/],
    ['schedule: every 999ms', 'schedule', /shorter than 1s/, /between 1s and 365d/],
    ['schedule: 5m', 'schedule', /not a schedule/, /every 15m/],
    ['schedule: 5', 'schedule', /is a number, not text/, /in quotes/],
    ['timezone: Europe/Pairs', 'timezone', /not a time zone/, /Write Europe\/Paris/],
    ['timezone: "+02:00"', 'timezone', /not a time zone/, /IANA/],
    ['tokenPolicy: per-run', 'tokenPolicy', /not one of reuse, per-flow/, /reuse, per-flow/],
    ['endpoints: { tokn: "https://a.b/" }', 'endpoints.tokn', /did you mean "token"/, /Write `token`/],
    ['endpoints: { token: a.b/token }', 'endpoints.token', /not an http or https URL/, /whole URL/],
    ['endpoints: { token: "ftp://a.b/token" }', 'endpoints.token', /not an http or https URL/, /whole URL/],
    ['endpoints: { token: "https://u:p@a.b/" }', 'endpoints.token', /user name or password/, /credentials/],
    ['endpoints: { token: "https://a.b/#x" }', 'endpoints.token', /fragment/, /from # on/],
    ['endpoints: { api: "https://a.b/" }', 'endpoints.api', /ends in a slash/, /Remove the slash/],
    ['endpoints: { api: "https://a.b/x?y" }', 'endpoints.api', /ends in a query/, /from \? on/],
    ['endpoints: { api: "https://10.0.0.1" }', 'endpoints.api', /private network/, /SLUICE_ALLOW_HOSTS/],
    ['limits: { concurrency: 0 }', 'limits.concurrency', /less than 1/, /1 or more/],
    ['limits: { concurrency: 51 }', 'limits.concurrency', /more than 50/, /50 or less/],
    ['limits: { concurrency: 1.5 }', 'limits.concurrency', /not a whole number/, /without a fraction/],
    ['limits: { concurrency: "5" }', 'limits.concurrency', /is text, not a number/, /Write a number/],
    ['limits: { requestsPerMinute: 0 }', 'limits.requestsPerMinute', /less than 1/, /1 or more/],
    ['limits: { pageSize: 0 }', 'limits.pageSize', /less than 1/, /1 or more/],
    ['retry: { attempts: 51 }', 'retry.attempts', /more than 50/, /50 or less/],
    ['retry: { baseDelay: 2 }', 'retry.baseDelay', /has no unit/, /such as 200ms/],
    ['retry: { maxDelay: 1 h }', 'retry.maxDelay', /not a duration/, /such as 200ms/],
    ['retry: { baseDelay: 20m }', 'retry.baseDelay', /longer than maxDelay/, /no longer than maxDelay/],
    ['deletes: { maxShare: 1.1 }', 'deletes.maxShare', /more than 1/, /1 or less/],
    ['deletes: { maxShare: 50% }', 'deletes.maxShare', /is text, not a number/, /Write a number/],
    ['deletes: { minRows: -1 }', 'deletes.minRows', /less than 0/, /0 or more/],
    ['oauth: { prompt: "a\\0b" }', 'oauth.prompt', /U\+0000/, /without it/],
    ['oauth: { params: { "a\\uD83D": b } }', 'oauth.params', /surrogate/, /without it/],
    ['customStreams: [{ name: a, path: /a, id: "\\uDE00" }]', 'customStreams[0].id', /U\+0000/, /without it/],
    ['fullEvery: 7', 'fullEvery', /has no unit/, /such as 200ms/],
    ['fullEvery: 0s', 'fullEvery', /shorter than 1s/, /between 1s/],
    ['retention: { events: 1d }', 'retention.events', /shorter than 7d/, /between 7d/],
    ['webhooks: { apply: ignore }', 'webhooks.apply', /not one of payload, refetch/, /payload, refetch/],
    ['oauth: { pkce: yes }', 'oauth.pkce', /is text, not true or false/, /Write true or false/],
    ['oauth: { basicEncoding: rwa }', 'oauth.basicEncoding', /did you mean "raw"/, /raw, form/],
    ['oauth: { params: { grant_type: x } }', 'oauth.params.grant_type', /of the protocol/, /Remove it/],
    ['customStreams: { a: 1 }', 'customStreams', /is a map of keys, not a list/, /list/],
    [
      'customStreams: [{ name: A b, path: /a, id: id }]',
      'customStreams[0].name',
      /not a stream name/,
      /hyphens/,
    ],
    [
      'customStreams: [{ name: a, path: a, id: id }]',
      'customStreams[0].path',
      /one slash/,
      /beginning with a slash/,
    ],
    ['customStreams: [{ name: a, path: //evil.com, id: id }]', 'customStreams[0].path', /one slash/, /slash/],
    [
      'customStreams: [{ name: a, path: /a/../b, id: id }]',
      'customStreams[0].path',
      /\.\. step/,
      /below the API/,
    ],
    ['customStreams: [{ name: a, path: "/a?b=c", id: id }]', 'customStreams[0].path', /holds/, /`query`/],
    ['customStreams: [{ name: a, path: /a }]', 'customStreams[0].id', /is missing/, /identifies a record/],
    [
      'customStreams: [{ name: a, path: /a, id: id, paging: {} }]',
      'customStreams[0].paging.style',
      /missing/,
      /none/,
    ],
    [
      'customStreams: [{ name: a, path: /a, id: id, paging: { style: pages } }]',
      'customStreams[0].paging.style',
      /did you mean "page"/,
      /none, next-link/,
    ],
    [
      'customStreams: [{ name: a, path: /a, id: id, paging: { style: next-link } }]',
      'customStreams[0].paging.at',
      /is missing/,
      /dotted path/,
    ],
    [
      'customStreams: [{ name: a, path: /a, id: id, paging: { style: page, pagesize: 5 } }]',
      'customStreams[0].paging.pagesize',
      /did you mean "pageSize"/,
      /`pageSize`/,
    ],
    [
      'customStreams: [{ name: a, path: /a, id: id, parent: b }]',
      'customStreams[0].path',
      /lacks \{parent\}/,
      /both|neither/,
    ],
    [
      'customStreams: [{ name: a, path: "/{parent}", id: id }]',
      'customStreams[0].path',
      /no `parent` is named/,
      /neither/,
    ],
    [
      'customStreams: [{ name: a, path: /a, id: id }, { name: a, path: /b, id: id }]',
      'customStreams[1].name',
      /taken by another/,
      /own name/,
    ],
    [
      'customStreams: [{ name: a, path: /a, id: id, changes: ful }]',
      'customStreams[0].changes',
      /full/,
      /full/,
    ],
  ];
  /** One custom stream with these keys besides a name and an id, or instead of them. */
  const described = (keys: string) => `customStreams: [{ name: a, id: id, ${keys} }]`;
  const feed = 'style: sequence, sizeParam: limit, maximumAt: top, numberAt: n';
  const streams: [string, string, RegExp, RegExp][] = [
    ['path: /a, pth: /b', 'pth', /did you mean "path"/, /`path`/],
    ['path: "/a/%2E%2e/b"', 'path', /\.\. step/, /below the API/],
    ['path: https://evil.com/a', 'path', /one slash/, /beginning with a slash/],
    ['path: "/a\\b"', 'path', /backslash/, /`query`/],
    ['path: "/a/{id}"', 'path', /brace/, /percent-encode/],
    ['path: "/{sequence}"', 'path', /no sequence numbers/, /style sequence/],
    ['path: "/{sequence}/{sequence}", items: r, changes: sequence, paging: {F}', 'path', /once/, /once/],
    ['path: /a, items: r, changes: sequence, paging: {F}', 'path', /does not hold \{sequence\}/, /where/],
    ['path: "/{sequence}", items: r, paging: {F}', 'changes', /is full, but/, /changes: sequence/],
    ['path: "/{sequence}", changes: sequence, paging: {F}', 'items', /stands beside the list/, /dotted path/],
    ['path: /a, changes: sequence', 'changes', /is sequence, but/, /style: sequence/],
    ['path: /a, changes: { detect: ful }', 'changes.detect', /did you mean "full"/, /full/],
    ['path: /a, changes: { detect: full, field: x }', 'changes.field', /not a known key/, /Remove it/],
    ['path: /a, changes: 3', 'changes', /not one of full, sequence/, /full, sequence/],
    ['path: /a, paging: { style: next-link, at: next }', 'items', /is needed/, /dotted path/],
    ['path: /a, items: r, paging: { style: next-link, at: a..b }', 'paging.at', /dotted path/, /single dots/],
    ['path: /a, items: ".r"', 'items', /not a dotted path/, /the answer is the array/],
    ['path: /a, items: 3', 'items', /is not text/, /the answer is the array/],
    ['path: /a, version: "a. b"', 'version', /not a dotted path/, /single dots/],
    ['path: /a, paging: { style: next-header, header: "X Next" }', 'paging.header', /of a header/, /alone/],
    ['path: /a, paging: { style: next-header }', 'paging.header', /is missing/, /name of the header/],
    [
      'path: /a, paging: { style: page, pageParam: "a=b" }',
      'paging.pageParam',
      /not the name of a query/,
      /limit/,
    ],
    ['path: /a, paging: { style: page, pageSize: 10001 }', 'paging.pageSize', /more than 10000/, /or less/],
    ['path: /a, paging: { style: offset, pageSize: 0 }', 'paging.pageSize', /less than 1/, /or more/],
    ['path: "/{sequence}", items: r, changes: sequence, paging: {F1}', 'paging.pageSize', /less than 2/, /2/],
    ['path: /a, paging: { style: page, firstPage: 2 }', 'paging.firstPage', /more than 1/, /1 or less/],
    [
      'path: /a, paging: { style: next-header, header: x, pageSize: 5 }',
      'paging.pageSize',
      /no parameter/,
      /sizeParam/,
    ],
    ['path: /a, paging: { style: page, pageParam: limit }', 'paging.sizeParam', /position too/, /page size/],
    ['path: /a, query: { page: "1" }, paging: { style: page }', 'query.page', /set by the paging/, /Remove/],
    ['path: /a, query: { limit: "1" }, paging: { style: offset }', 'query.limit', /set by the paging/, /Re/],
    ['path: /a, query: { "a b": x }', 'query."a b"', /not the name of a query/, /behind the colon/],
    ['path: /a, query: { a: 1 }', 'query.a', /is a number, not text/, /quotes/],
    ['path: /a, query: { shop: "{parent}" }', 'path', /no `parent` is named/, /neither/],
    ['path: /a, changes: watermark', 'changes', /not one of full, sequence/, /full/],
    ['path: /a, changes: { detect: watermark }', 'changes.order', /is missing/, /newest-first, ascending/],
    [
      'path: /a, changes: { detect: watermark, order: ascending, field: at }',
      'changes.since',
      /is missing/,
      /Add `since`/,
    ],
    [
      'path: /a, changes: { detect: watermark, order: newest-first, feild: at }',
      'changes.feild',
      /did you mean "field"/,
      /`field`/,
    ],
    [
      'path: /a, changes: { detect: watermark, order: newest-first, overlap: 5 }',
      'changes.overlap',
      /has no unit/,
      /200ms/,
    ],
    [
      'path: /a, changes: { detect: watermark, order: newest-first, field: at, format: unix }',
      'changes.format',
      /not one of iso/,
      /epoch-seconds/,
    ],
    [
      'path: /a, query: { since: x }, changes: { detect: watermark, order: ascending, field: at, since: { param: since } }',
      'query.since',
      /set by `since`/,
      /Remove/,
    ],
    [
      'path: /a, paging: { style: page }, changes: { detect: watermark, order: ascending, field: at, since: { param: page } }',
      'changes.since.param',
      /of the paging/,
      /newer than/,
    ],
    [
      'path: "/{sequence}", items: r, paging: {F}, changes: { detect: watermark, order: newest-first }',
      'changes',
      /is watermark, but/,
      /changes: sequence/,
    ],
    ['path: /a, scopes: [a b]', 'scopes[0]', /not one scope/, /own entry/],
    ['path: /a, tombstones: []', 'tombstones', /is empty/, /remove the key/],
    ['path: /a, tombstones: [{ values: [true] }]', 'tombstones[0].field', /is missing/, /marks it/],
    ['path: /a, tombstones: [{ field: f }]', 'tombstones[0].values', /is missing/, /\[true\]/],
    ['path: /a, tombstones: [{ field: f, values: [1] }]', 'tombstones[0].values[0]', /neither text/, /true/],
    ['path: /a, tombstones: [{ field: "f.", values: [x] }]', 'tombstones[0].field', /dotted/, /single dots/],
    ['path: /a, restartsWith: b', 'restartsWith', /from the start every time/, /sequence/],
    ['path: /a, docs: ftp://x', 'docs', /not an http/, /whole URL/],
    [
      'path: "/{sequence}", items: r, changes: sequence, paging: {FM}',
      'paging.currentMaximumPath',
      /plain/,
      /with/,
    ],
  ];
  it.each(streams)('a custom stream with %s', (keys, where, message, fix) => {
    const paging: Record<string, string> = { F: '', F1: ', pageSize: 1', FM: ', currentMaximumPath: "/{x}"' };
    const line = described(
      keys.replace(/\{(FM?|F1)\}/, (_, name: string) => `{ ${feed}${paging[name] ?? ''} }`),
    );
    const { problems } = parse(withLines(line));
    expect(problems).toMatchObject([
      { severity: 'error', line: 4, where: `connections.acme.customStreams[0].${where}` },
    ]);
    expect(problems[0]?.message).toMatch(message);
    expect(problems[0]?.fix).toMatch(fix);
  });

  it('of the ids of a custom stream is named entry by entry', () => {
    const { problems } = parse(
      withLines(
        'customStreams:',
        '  - { name: a, path: /a, id: [x, x] }',
        '  - { name: b, path: /b, id: [] }',
      ),
    );
    expect(problems.map(({ line, where, message }) => [line, where, message])).toEqual([
      [5, 'connections.acme.customStreams[0].id[1]', 'is in the list already'],
      [6, 'connections.acme.customStreams[1].id', 'is empty'],
    ]);
  });

  it('between keys is reported together with those of single keys, each on its line', () => {
    const { problems } = parse(
      withLines(
        'customStreams:',
        '  - name: a',
        '    path: /a/{parent}',
        '    items: 5',
        '  - { name: a, path: /b, id: id }',
        '  - { name: c, path: /c, id: id, changes: sequence, colour: red }',
      ),
    );
    expect(
      problems.map(({ line, where }) => [line, where.replace('connections.acme.customStreams', '')]),
    ).toEqual([
      [5, '[0].id'],
      [6, '[0].path'],
      [7, '[0].items'],
      [8, '[1].name'],
      [9, '[2].colour'],
      [9, '[2].changes'],
    ]);
  });

  it.each(cases)('%s', (line, where, message, fix) => {
    const { problems, connections } = parse(withLines(line));
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatchObject({ severity: 'error', line: 4, where: `connections.acme.${where}` });
    expect(problems[0]?.message).toMatch(message);
    expect(problems[0]?.fix).toMatch(fix);
    expect(connections).toEqual([]);
  });

  it.each(['Acme', 'a_b', '-a', 'a-', 'a--b', 'a.b', 'é', 'a'.repeat(64), '""'])(
    'the id %s is refused',
    (id) => {
      const { problems } = parse(`connections:\n  ${id}: { provider: x }`);
      expect(problems).toMatchObject([{ line: 2, message: 'is not a connection id' }]);
    },
  );

  it.each(['a', '0', 'a-b-c', 'a'.repeat(63)])('the id %s is accepted', (id) => {
    expect(parse(`connections:\n  ${id}: { provider: x }`).problems).toEqual([]);
  });

  it('leaves the sound ones beside it readable, and has all of its own problems reported, sorted by line', () => {
    const { connections, problems } = parse(
      withLines('tokenPolicy: x', 'limits:', '  pageSize: 0', '  concurency: 1', 'fullEvery: 1') +
        '  sound: { provider: x }\n  empty:\n',
    );
    expect(connections.map(({ id }) => id)).toEqual(['sound']);
    expect(problems.map(({ line, where }) => [line, where])).toEqual([
      [4, 'connections.acme.tokenPolicy'],
      [6, 'connections.acme.limits.pageSize'],
      [7, 'connections.acme.limits.concurency'],
      [8, 'connections.acme.fullEvery'],
      [10, 'connections.empty'],
    ]);
  });

  it('is shown as file, line, place, message, and the fix below', () => {
    const { problems } = parse(withLines('deletes: { minRows: -1 }'));
    expect(formatProblems(problems, 'sluice.yaml')).toBe(
      'sluice.yaml:4  connections.acme.deletes.minRows: is less than 0\n    fix: Write 0 or more.',
    );
  });
});

describe('${NAME}', () => {
  const secretOf = (text: string, env: NodeJS.ProcessEnv) =>
    parse(withLines(`credentials: { clientSecret: ${text} }`), env);

  const values: [string, string][] = [
    ['"${A}"', 'one'],
    ['"${A}-${B_2}/${A}"', 'one-two/one'],
    ['"$${A}"', '${A}'],
    ['"$A $ {A} 5$"', '$A $ {A} 5$'],
    ['"${NESTED}"', '${A}'],
    ['"${YAML}"', '"\n  evil: { provider: x }\n#'],
    ['"${DIGITS}"', '0123'],
  ];
  const env = { A: 'one', B_2: 'two', NESTED: '${A}', YAML: '"\n  evil: { provider: x }\n#', DIGITS: '0123' };
  it.each(values)('%s becomes %j', (text, expected) => {
    const { connections, problems } = secretOf(text, env);
    expect(problems).toEqual([]);
    expect(connections).toHaveLength(1);
    expect(connections[0]?.credentials['clientSecret']).toBe(expected);
  });

  it('is filled in everywhere below a connection, lists included, and not in keys', () => {
    const { connections } = parse(withLines('streams: ["${A}"]', 'settings: { "${A}": "${A}" }'), env);
    expect(connections[0]).toMatchObject({ streams: ['one'], settings: { '${A}': 'one' } });
  });

  it.each<[string, NodeJS.ProcessEnv]>([
    ['not set', {}],
    ['empty', { A: '' }],
  ])('names variable, line and fix where it is %s, and nothing follows from that', (state, none) => {
    expect(parse(withLines('schedule: "${A}"'), none).problems).toMatchObject([
      {
        line: 4,
        where: 'connections.acme.schedule',
        message: `needs the variable A, which is ${state}`,
        fix: 'Set A in the environment.',
      },
    ]);
  });

  it.each(['"${}"', '"${A"', '"${A:-x}"', '"${A B}"', '"${1A}"'])('%s is refused', (text) => {
    const message = 'holds a ${…} that names no variable';
    expect(secretOf(text, env).problems).toMatchObject([{ line: 4, message }]);
  });

  it('never shows a value, wherever it is wrong', () => {
    const secret = 'hunter2-topsecret';
    const { problems } = parse(
      withLines(
        'tokenPolicy: "${S}"',
        'schedule: "${S}"',
        'timezone: "${S}"',
        'endpoints: { api: "https://10.0.0.1/${S}/" }',
        'limits: { pageSize: "${S}" }',
        'fullEvery: "${S}"',
        'oauth: { pkce: "${S}" }',
        'customStreams: [{ name: "${S}!", path: "${S}", id: id }]',
      ),
      { S: secret },
    );
    expect(problems).toHaveLength(9);
    expect(JSON.stringify(problems)).not.toContain('hunter2');
  });

  it('is replaced by its name in a message that would repeat the value', () => {
    const options = { path: 'x', env: { H: 'ab' }, checkEndpoint: (url: string) => `refuses ${url}` };
    const { problems } = parseConfigFile(withLines('endpoints: { api: "https://${H}" }'), options);
    expect(problems[0]?.message).toBe('refuses https://${H}');
  });
});

describe('a body that comes by HTTP', () => {
  it('is checked by the same rules, with paths of its own', () => {
    const { problems } = parseConnection('Bad', { provider: 'x', limits: { pageSize: 0 } }, { base: [] });
    expect(problems.map(({ where }) => where)).toEqual(['id', 'limits.pageSize']);
  });

  it('cannot read the environment', () => {
    const { connection } = parseConnection('a', { provider: 'x', credentials: { clientSecret: '${PATH}' } });
    expect(connection?.credentials['clientSecret']).toBe('${PATH}');
  });

  it.each([undefined, null, 3, 'x', []])('%j is a problem', (body) => {
    expect(parseConnection('a', body).problems).toHaveLength(1);
  });
});

describe('reading the file itself', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'sluice-file-'));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it('gives its text', async () => {
    const path = join(folder, 'good.yaml');
    writeFileSync(path, 'connections: {} # é\n');
    expect(await readConfigFile(path)).toBe('connections: {} # é\n');
  });

  const bad: [string, string | Buffer | undefined, string][] = [
    ['missing.yaml', undefined, 'does not exist'],
    ['.', undefined, 'is a folder'],
    ['large.yaml', 'x'.repeat(1024 * 1024 + 1), 'is larger than 1 MiB'],
    ['utf16.yaml', Buffer.from('\uFEFFconnections: {}', 'utf16le'), 'is not UTF-8 text'],
  ];
  it.each(bad)('%s is refused with its path', async (name, content, message) => {
    const path = join(folder, name);
    if (content !== undefined) writeFileSync(path, content);
    await expect(readConfigFile(path)).rejects.toMatchObject({
      code: 'config_invalid',
      details: { problems: [{ where: path, message }] },
    });
  });
});

describe('small rules', () => {
  const durations: [string, number | undefined][] = [
    ['200ms', 200],
    ['2s', 2000],
    ['15m', 900_000],
    ['1h', 3_600_000],
    ['7d', 604_800_000],
    ['0s', 0],
    ['1.5h', undefined],
    ['-1s', undefined],
    ['1 s', undefined],
    ['1w', undefined],
    ['10', undefined],
    ['', undefined],
    ['99999999d', undefined],
  ];
  it.each(durations)('the duration %j is %j ms', (text, expected) => {
    expect(parseDuration(text)).toBe(expected);
  });

  it('schedules are manual, from the end of the last run, or cron', () => {
    expect(parseSchedule('manual')).toEqual({ value: { kind: 'manual' } });
    expect(parseSchedule('every 10s')).toEqual({ value: { kind: 'every', everyMs: 10_000 } });
    expect(parseSchedule('0 6 * * MON-FRI')).toEqual({ value: { kind: 'cron', pattern: '0 6 * * MON-FRI' } });
    expect(parseSchedule('0 0 29 2 *')).toEqual({ value: { kind: 'cron', pattern: '0 0 29 2 *' } });
  });

  const words: [string, string | undefined][] = [
    ['concurency', 'concurrency'],
    ['pagesize', 'pageSize'],
    ['page_size', 'pageSize'],
    ['conucrrency', 'concurrency'],
    ['secret', undefined],
    ['', undefined],
    ['x'.repeat(100_000), undefined],
  ];
  it.each(words)('"did you mean" for %.20j is %j', (word, expected) => {
    expect(suggest(word, ['concurrency', 'pageSize', 'requestsPerMinute'])).toBe(expected);
  });
});
