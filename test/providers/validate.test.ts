import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { formatProblems, parseConnection, type ConnectionInput } from '../../src/config/index.ts';
import {
  defineProvider,
  type ProviderDefinition,
  type StreamDefinition,
} from '../../src/providers/contract.ts';
import { providers as shipped } from '../../src/providers/registry.ts';
import { resolveConnection } from '../../src/providers/resolve.ts';
import {
  loadConfigFile,
  validateConfigFile,
  validateConnection,
  validateConnectionBody,
} from '../../src/providers/validate.ts';

function stream(name: string, more: Partial<StreamDefinition> = {}): StreamDefinition {
  return {
    name,
    title: name,
    path: `/${name}`,
    scopes: [`${name}.read`],
    items: 'items',
    id: 'id',
    paging: { style: 'next-link', at: 'next', sizeParam: 'limit', pageSize: 100 },
    changes: { detect: 'full' },
    schema: z.looseObject({}),
    evidence: 'documented',
    ...more,
  };
}

const base: ProviderDefinition = {
  id: 'shopfront',
  title: 'Shopfront',
  description: 'a shop',
  docs: 'https://example.com',
  grants: ['client'],
  tokenPolicy: 'reuse',
  clientAuth: 'post',
  basicEncoding: 'form',
  baseScopes: ['app'],
  defaultTokenLifetime: 3600,
  // not strict on purpose: validation must be, whatever a provider's schema says
  settings: z.object({
    shop: z.string().min(1).describe('the name of the shop'),
    region: z.enum(['eu', 'us']).default('eu'),
    version: z.string().optional(),
  }),
  credentials: z.object({
    clientId: z.string().min(1).describe('the client id'),
    clientSecret: z.union([z.string(), z.array(z.string())]).describe('the client secret'),
  }),
  endpoints: ({ shop, region }) => ({
    token: 'https://auth.example.com/token',
    api: `https://${String(shop)}.${String(region)}.example.com`,
  }),
  headers: () => ({}),
  limits: [],
  suggestedSchedule: 'every 1h',
  streams: [
    stream('orders', { parent: 'shops', path: '/shops/{parent}/orders', paging: { style: 'none' } }),
    stream('shops'),
    stream('staff', { scopes: ['staff.read', 'app'] }),
  ],
  check: () => ({ path: '/shops' }),
};

const shopfront = defineProvider(base);
const consent = defineProvider({ ...base, id: 'consent', title: 'Consent', grants: ['user'] });
const providers = [shopfront, consent];
const known = providers.map(({ id }) => id);

const sound = {
  provider: 'shopfront',
  settings: { shop: 'acme' },
  credentials: { clientId: 'id', clientSecret: 'secret' },
};

function input(more: object = {}): ConnectionInput {
  const { connection, problems } = parseConnection('acme', { ...sound, ...more });
  if (connection === undefined) throw new Error(formatProblems(problems));
  return connection;
}

describe('validateConnection', () => {
  it('finds nothing wrong with a sound connection', () => {
    expect(validateConnection(input(), shopfront, known)).toEqual([]);
  });

  // what differs from a sound connection, where, message, fix
  const custom = { path: '/x', id: 'id' };
  const feed = {
    path: '/x/{sequence}',
    id: 'id',
    items: 'items',
    changes: 'sequence',
    paging: { style: 'sequence', sizeParam: 'limit', maximumAt: 'top', numberAt: 'n' },
  };
  const cases: [object, string, RegExp, RegExp][] = [
    [{ settings: {} }, 'settings.shop', /is missing/, /^Write the name of the shop\.$/],
    [{ settings: { shop: '' } }, 'settings.shop', /is empty/, /the name of the shop/],
    [{ settings: { shop: 'a', regoin: 'eu' } }, 'settings.regoin', /did you mean "region"/, /`region`/],
    [{ settings: { shop: 'a', region: 'uk' } }, 'settings.region', /not one of eu, us/, /eu, us/],
    [{ settings: { shop: 'a', version: 2026 } }, 'settings.version', /is a number, not text/, /in quotes/],
    [{ credentials: { clientId: 'x' } }, 'credentials.clientSecret', /is missing/, /the client secret/],
    [
      { credentials: { ...sound.credentials, apiKey: 'x' } },
      'credentials.apiKey',
      /not a known key/,
      /known here: clientId, clientSecret/,
    ],
    [
      { streams: ['shops', 'order'] },
      'streams[1]',
      /"order" is not a stream of Shopfront; did you mean "orders"/,
      /staff/,
    ],
    [{ customStreams: [{ name: 'shops', ...custom }] }, 'customStreams[0].name', /has already/, /my-shops/],
    [
      { customStreams: [{ name: 'mine', id: 'id', path: '/{parent}', parent: 'shop' }] },
      'customStreams[0].parent',
      /did you mean "shops"/,
      /orders, shops, staff, mine/,
    ],
    [
      { customStreams: [{ name: 'mine', id: 'id', path: '/{parent}', parent: 'mine' }] },
      'customStreams[0].parent',
      /leads back to this very stream/,
      /needs no parent of yours/,
    ],
    [
      { customStreams: [{ ...feed, name: 'mine', restartsWith: 'shopz' }] },
      'customStreams[0].restartsWith',
      /did you mean "shops"/,
      /describe it/,
    ],
    [
      { customStreams: [{ ...feed, name: 'mine', restartsWith: 'mine' }] },
      'customStreams[0].restartsWith',
      /leads back to this very stream/,
      /does not wait/,
    ],
  ];
  it.each(cases)('%j', (more, where, message, fix) => {
    const problems = validateConnection(input(more), shopfront, known);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatchObject({ severity: 'error', where: `connections.acme.${where}` });
    expect(problems[0]?.message).toMatch(message);
    expect(problems[0]?.fix).toMatch(fix);
  });

  it('names every stream of a circle of parents, and none that only leads into it', () => {
    const nested = (name: string, parent: string) => ({ name, id: 'id', path: '/{parent}', parent });
    const problems = validateConnection(
      input({ customStreams: [nested('a', 'b'), nested('b', 'c'), nested('c', 'b')] }),
      shopfront,
      known,
    );
    expect(problems.map(({ where }) => where)).toEqual([
      'connections.acme.customStreams[1].parent',
      'connections.acme.customStreams[2].parent',
    ]);
  });

  it('warns of a custom stream that is left out, where others are chosen by name', () => {
    const customStreams = [
      { ...custom, name: 'one' },
      { ...custom, name: 'two' },
      { name: 'inner', id: 'id', path: '/{parent}', parent: 'outer' },
      { ...custom, name: 'outer' },
    ];
    const warnings = (streams?: string[]) =>
      validateConnection(input({ customStreams, ...(streams && { streams }) }), shopfront, known);
    expect(warnings()).toEqual([]);
    expect(warnings(['staff'])).toEqual([]);
    expect(warnings(['staff', 'one', 'inner'])).toMatchObject([
      {
        severity: 'warning',
        where: 'connections.acme.customStreams[1].name',
        fix: 'Add two to `streams`, or remove it here.',
      },
    ]);
  });

  it('answers an unknown provider with what was meant and what there is', () => {
    expect(validateConnection(input({ provider: 'shopfornt' }), undefined, known)).toMatchObject([
      {
        where: 'connections.acme.provider',
        message: '"shopfornt" is not a provider; did you mean "shopfront"?',
        fix: 'Write shopfront, or one of: shopfront, consent.',
      },
    ]);
  });

  it('warns of scopes that the chosen streams lack, parents included', () => {
    const problems = validateConnection(
      input({ scopes: ['app', 'orders.read'], streams: ['orders'] }),
      shopfront,
      known,
    );
    expect(problems).toMatchObject([
      {
        severity: 'warning',
        where: 'connections.acme.scopes',
        message: expect.stringContaining('lacks shops.read,') as string,
      },
    ]);
  });

  it('accepts a token for each flow where the client itself gets it, and refuses it where a person consents', () => {
    const perFlow = input({ tokenPolicy: 'per-flow' });
    expect(validateConnection(perFlow, shopfront, known)).toEqual([]);
    expect(validateConnection(perFlow, consent, known)).toMatchObject([
      { severity: 'error', where: 'connections.acme.tokenPolicy', fix: 'Write reuse, or remove the key.' },
    ]);
  });
});

describe('validateConfigFile', () => {
  const validate = (text: string, env: NodeJS.ProcessEnv = {}) =>
    validateConfigFile(text, { path: 'sluice.yaml', env, providers });

  it('reports form, variables and provider together, by line, also where one connection has all three', () => {
    const { problems, connections } = validate(`connections:
  acme:
    provider: shopfront
    settings: { shp: acme }
    credentials: { clientId: "\${ID}", clientSecret: 123 }
    timezone: Mars
    streams: [orders, shopz]
  good:
    provider: shopfront
    settings: { shop: acme }
    credentials: { clientId: a, clientSecret: b }
  other:
    provider: shopify
`);
    expect(problems.map(({ line, where }) => [line, where])).toEqual([
      [4, 'connections.acme.settings.shop'],
      [4, 'connections.acme.settings.shp'],
      [5, 'connections.acme.credentials.clientId'],
      [5, 'connections.acme.credentials.clientSecret'],
      [6, 'connections.acme.timezone'],
      [7, 'connections.acme.streams[1]'],
      [13, 'connections.other.provider'],
    ]);
    expect(connections).toEqual([]);
  });

  it('says of a faulty custom stream what is wrong with its name and its parent too, and lets others name it', () => {
    const { problems } = validate(`connections:
  acme:
    provider: shopfront
    settings: { shop: acme }
    credentials: { clientId: a, clientSecret: b }
    streams: [vouchers, shops]
    customStreams:
      - { name: vouchers, path: vouchers, id: id }
      - { name: shops, path: /shops, id: id, colour: red }
      - { name: lines, path: "/{parent}/lines", id: id, parent: vouchers }
      - { name: notes, path: "/{parent}/notes", id: id, parent: vouhcers }
`);
    expect(
      problems.filter(({ severity }) => severity === 'error').map(({ line, where }) => [line, where]),
    ).toEqual([
      [8, 'connections.acme.customStreams[0].path'],
      [9, 'connections.acme.customStreams[1].colour'],
      [9, 'connections.acme.customStreams[1].name'],
      [11, 'connections.acme.customStreams[3].parent'],
    ]);
  });

  it('gives the connections where there are only warnings', () => {
    const { problems, connections } = validate(`connections:
  acme:
    provider: shopfront
    settings: { shop: acme }
    credentials: { clientId: a, clientSecret: b }
    scopes: [app]
`);
    expect(formatProblems(problems, 'sluice.yaml')).toMatch(
      /^sluice\.yaml:6 {2}warning: connections\.acme\.scopes: lacks/,
    );
    expect(connections.map(({ id }) => id)).toEqual(['acme']);
  });

  it('keeps values from the environment out of messages about streams and providers', () => {
    const { problems } = validate(
      'connections:\n  acme:\n    provider: "${P}"\n  b:\n    provider: shopfront\n    streams: ["${P}"]\n',
      { P: 'hunter2' },
    );
    expect(problems.map(({ message }) => message)).toContain('"${P}" is not a provider');
    expect(JSON.stringify(problems)).not.toContain('hunter2');
  });

  it('accepts the example of the documentation', () => {
    const text = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8');
    const example = /```yaml\n(connections:[^`]+)```/.exec(text)?.[1] ?? '';
    const env = { LUCCA_CLIENT_ID: 'id', LUCCA_CLIENT_SECRET: 'secret' };
    const { connections, problems } = validateConfigFile(example, { path: 'x', env, providers: shipped });
    expect(problems).toEqual([]);
    expect(connections.map(({ id }) => id)).toEqual(['acme-lucca']);
  });
});

describe('the documentation of custom streams', () => {
  const text = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8');
  const section = text.split('### Custom streams')[1] ?? '';
  const example = /```yaml\n(customStreams:[^`]+)```/.exec(section)?.[1] ?? '';

  it('has an example that is accepted for a connection of a shipped provider', () => {
    const file = `connections:
  acme:
    provider: lucca
    settings: { host: acme.ilucca.net }
    credentials: { clientId: a, clientSecret: b }
${example.replaceAll(/^/gm, '    ').trimEnd()}
`;
    const { connections, problems } = validateConfigFile(file, { path: 'x', env: {}, providers: shipped });
    expect(problems).toEqual([]);
    expect(connections[0]?.customStreams.map(({ name }) => name)).toEqual([
      'vouchers',
      'voucher-lines',
      'price-changes',
      'bookings',
    ]);
  });

  it('lists every key, paging style and detection, and no other', () => {
    const rows = (heading: string) => {
      const table =
        section.split(new RegExp(`^\\| ${heading} .*\\n\\|[ |-]+\\n`, 'm'))[1]?.split('\n\n')[0] ?? '';
      return table.split('\n').map((row) => row.split('|').map((cell) => cell.trim()));
    };
    const first = (heading: string) => rows(heading).map(([, cell = '']) => cell.replaceAll('`', ''));
    const known = (body: object) => {
      const bad = { provider: 'lucca', customStreams: [body] };
      const { problems } = parseConnection('acme', bad);
      const fix = problems.find(({ where }) => where.endsWith('.zzzz'))?.fix ?? '';
      return fix
        .replace(/^.*known here: (.*)\.$/, '$1')
        .split(', ')
        .sort();
    };
    expect(first('Key').sort()).toEqual(known({ zzzz: 1 }));
    const options = (body: object, key: string) => {
      const { problems } = parseConnection('acme', { provider: 'lucca', customStreams: [body] });
      const fix = problems.find(({ where }) => where.endsWith(key))?.fix ?? '';
      return fix
        .replace(/^Write one of: (.*)\.$/, '$1')
        .split(', ')
        .sort();
    };
    expect(first('Style').sort()).toEqual(options({ paging: { style: 'zzzz' } }, '.style'));
    expect([...new Set(first('Detect'))].sort()).toEqual(options({ changes: { detect: 'zzzz' } }, '.detect'));
    // what stands in brackets is a default
    const keys = rows('Style').flatMap(([, , cell = '']) => [
      ...cell.replaceAll(/\([^)]*\)/g, '').matchAll(/`(\w+)`/g),
    ]);
    const listed = new Set(['style', ...keys.map(([, key = '']) => key)]);
    expect([...listed].sort()).toEqual(known({ paging: { style: 'none', zzzz: 1 } }));
  });
});

describe('loadConfigFile', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'sluice-validate-'));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it('throws one error that names every problem with file and line', async () => {
    const path = join(folder, 'bad.yaml');
    writeFileSync(path, 'connections:\n  a: { provider: x }\n  B: { provider: shopfront }\n');
    await expect(loadConfigFile({ path, env: {}, providers })).rejects.toMatchObject({
      code: 'config_invalid',
      message: expect.stringContaining(`${path}:2  connections.a.provider: `) as string,
      details: { problems: { length: 5 } },
    });
  });
});

describe('validateConnectionBody', () => {
  it('gives the connection, or every problem with paths of the body', () => {
    const good = validateConnectionBody('acme', sound, { providers });
    expect(good).toEqual({ connection: input(), problems: [] });
    const bad = validateConnectionBody('acme', { ...sound, settings: {}, limit: 1 }, { providers });
    expect(bad.connection).toBeUndefined();
    expect(bad.problems.map(({ where }) => where)).toEqual(['limit', 'settings.shop']);
  });
});

describe('resolveConnection', () => {
  const resolve = (more: object = {}) => resolveConnection(input(more), shopfront);

  it("fills in the provider's defaults", () => {
    const resolved = resolve();
    expect(resolved).toMatchObject({
      id: 'acme',
      provider: shopfront,
      settings: { shop: 'acme', region: 'eu' },
      endpoints: { token: 'https://auth.example.com/token', api: 'https://acme.eu.example.com' },
      scopes: ['app', 'shops.read', 'orders.read', 'staff.read'],
      tokenPolicy: 'reuse',
      schedule: 'every 1h',
      timezone: 'UTC',
      limits: { concurrency: 4 },
      retry: { attempts: 8, baseDelayMs: 2000, maxDelayMs: 900_000 },
      deletes: { maxShare: 0.5, minRows: 100 },
      oauth: { basicEncoding: 'form', params: {} },
    });
    expect(resolved.streams.map(({ name }) => name)).toEqual(['shops', 'orders', 'staff']);
  });

  it("lets the user's choices win", () => {
    expect(
      resolve({
        endpoints: { api: 'https://proxy.example.com' },
        scopes: ['x'],
        tokenPolicy: 'per-flow',
        schedule: 'manual',
        limits: { concurrency: 1 },
        oauth: { basicEncoding: 'raw', params: { audience: 'y' } },
      }),
    ).toMatchObject({
      endpoints: { token: 'https://auth.example.com/token', api: 'https://proxy.example.com' },
      scopes: ['x'],
      tokenPolicy: 'per-flow',
      schedule: 'manual',
      limits: { concurrency: 1 },
      oauth: { basicEncoding: 'raw', params: { audience: 'y' } },
    });
  });

  it('adds the parents of the chosen streams, and asks only for their scopes', () => {
    const resolved = resolve({ streams: ['orders'] });
    expect(resolved.streams.map(({ name }) => name)).toEqual(['shops', 'orders']);
    expect(resolved.scopes).toEqual(['app', 'shops.read', 'orders.read']);
  });

  it('mirrors custom streams without their being named, and accepts any object in them', () => {
    const resolved = resolve({
      streams: ['staff'],
      customStreams: [
        { name: 'lines', path: '/{parent}/lines', parent: 'vouchers', id: 'id', scopes: ['lines.read'] },
        { name: 'vouchers', path: '/vouchers', id: ['a', 'b'] },
      ],
    });
    expect(resolved.streams.map(({ name }) => name)).toEqual(['staff', 'vouchers', 'lines']);
    expect(resolved.scopes).toContain('lines.read');
    expect(resolved.streams[1]?.schema.safeParse({ a: 1, anything: {} }).success).toBe(true);
    expect(resolved.streams[1]?.schema.safeParse(3).success).toBe(false);
  });

  it('mirrors only the custom streams that are named, where any of them is, and what they need', () => {
    const resolved = resolve({
      streams: ['staff', 'lines'],
      customStreams: [
        { name: 'lines', path: '/{parent}/lines', parent: 'vouchers', id: 'id' },
        { name: 'vouchers', path: '/vouchers', id: 'id' },
        { name: 'other', path: '/other', id: 'id' },
      ],
    });
    expect(resolved.streams.map(({ name }) => name)).toEqual(['staff', 'vouchers', 'lines']);
  });

  it('asks for the page size of the user where the provider takes one', () => {
    const sizes = resolve({ limits: { pageSize: 7 } }).streams.map(({ paging }) =>
      paging.style === 'none' ? undefined : paging.pageSize,
    );
    expect(sizes).toEqual([7, undefined, 7]);
    expect(shopfront.streams[1]?.paging).toMatchObject({ pageSize: 100 });
  });
});
