import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startSandbox, type Sandbox } from '../../sandbox/index.ts';
import { isLuccaHost } from '../../src/providers/lucca/host.ts';
import { lucca } from '../../src/providers/lucca/index.ts';

describe('hosts of Lucca accounts', () => {
  it.each([
    'acme.ilucca.net',
    'acme.ilucca.ch',
    'acme.ilucca-test.net',
    'acme-2.ilucca-demo.net',
    'acme-mysandbox.sandbox.eu1.luccasoftware.com',
    'acme-mysandbox.sandbox.ch1.luccasoftware.com',
  ])('accepts %s', (host) => {
    expect(isLuccaHost(host)).toBe(true);
  });

  it.each([
    'ilucca.net',
    'acme.ilucca.net.evil.example',
    'evil.example/acme.ilucca.net',
    'acme.ilucca.net:8443',
    'https://acme.ilucca.net',
    'user@acme.ilucca.net',
    'a.b.ilucca.net',
    '-acme.ilucca.net',
    'acme.ilucca.net\n',
    'acme.ilucca.com',
    'acme.sandbox.us1.luccasoftware.com',
    'acmeXilucca.net',
    '',
  ])('refuses %j', (host) => {
    expect(isLuccaHost(host)).toBe(false);
  });
});

describe('the definition of Lucca', () => {
  let sandbox: Sandbox<'lucca'>;
  beforeAll(async () => {
    sandbox = await startSandbox({ providers: ['lucca'], records: 60 });
  });
  afterAll(() => sandbox.close());

  it('has a stream for every simulated resource, asking for the links without which paging stops', () => {
    const names = lucca.streams.map((stream) => stream.name).sort();
    expect(names).toEqual([...sandbox.providers.lucca.source.resources].sort());
    for (const stream of lucca.streams) {
      expect(stream.query).toEqual({ include: 'links,totalCount' });
      expect(stream.scopes).toEqual([`${stream.name}.readonly`]);
    }
  });

  it('accepts every record that its API gives, and refuses a documented field of another type', () => {
    for (const stream of lucca.streams) {
      for (const record of sandbox.providers.lucca.source.list(stream.name)) {
        const result = stream.schema.safeParse(record);
        expect(result.success ? [] : result.error.issues).toEqual([]);
        expect(stream.schema.safeParse({ ...record, unknownField: { a: 1 } }).success).toBe(true);
        expect(stream.schema.safeParse({ ...record, url: 7 }).success).toBe(false);
        expect(stream.schema.safeParse({ ...record, id: undefined }).success).toBe(false);
      }
    }
  });

  it('names the account host in its endpoints and its limit', () => {
    const settings = { host: 'acme.ilucca.net' };
    expect(lucca.endpoints(settings)).toEqual({
      token: 'https://accounts.world.luccasoftware.com/connect/token',
      api: 'https://acme.ilucca.net/lucca-api',
    });
    const [limit] = lucca.limits;
    expect(limit).toMatchObject({ requests: 50, perSeconds: 60 });
    expect(limit?.key({ settings, credentials: {} })).toContain('acme.ilucca.net');
    expect(lucca.headers({ settings, credentials: {} })['Api-Version']).toBe('2024-11-01');
  });
});
