import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startSandbox, type Sandbox } from '../../sandbox/index.ts';
import { parseConnection } from '../../src/config/index.ts';
import { coloop } from '../../src/providers/coloop/index.ts';
import { findProvider } from '../../src/providers/registry.ts';
import { resolveConnection } from '../../src/providers/resolve.ts';
import { validateConnection } from '../../src/providers/validate.ts';

function input(credentials: Record<string, unknown>) {
  const parsed = parseConnection('research', { provider: 'coloop', settings: {}, credentials });
  if (parsed.connection === undefined) throw new Error(JSON.stringify(parsed.problems));
  return parsed.connection;
}

describe('the definition of CoLoop', () => {
  let sandbox: Sandbox<'coloop'>;
  beforeAll(async () => {
    sandbox = await startSandbox({ providers: ['coloop'], records: 20 });
  });
  afterAll(() => sandbox.close());

  it('comes with Sluice, with a stream for every simulated resource, each path ending in a slash', () => {
    expect(findProvider('coloop')).toBe(coloop);
    const names = coloop.streams.map((stream) => stream.name).sort();
    expect(names).toEqual([...sandbox.providers.coloop.source.resources].sort());
    expect(coloop.streams.every(({ path }) => path.endsWith('/'))).toBe(true);
  });

  it('accepts every record that its API gives, and refuses a documented field of another type', () => {
    for (const stream of coloop.streams) {
      for (const record of sandbox.providers.coloop.source.list(stream.name)) {
        const result = stream.schema.safeParse(record);
        expect(result.success ? [] : result.error.issues).toEqual([]);
        expect(stream.schema.safeParse({ ...record, unknownField: { a: 1 } }).success).toBe(true);
        expect(stream.schema.safeParse({ ...record, createdAt: 7 }).success).toBe(false);
        for (const field of [stream.id].flat().filter((name) => name !== '{parent}'))
          expect(stream.schema.safeParse({ ...record, [field]: null }).success).toBe(false);
      }
    }
  });

  it.each([
    ['a private application', { clientId: 'a', clientSecret: 'b' }, true],
    ['a public application', { clientId: 'a' }, true],
    ['an API key', { apiKey: 'k' }, true],
    ['nothing', {}, false],
    ['a secret alone', { clientSecret: 'b' }, false],
    ['an application and a key', { clientId: 'a', apiKey: 'k' }, false],
    ['a secret and a key', { clientSecret: 'b', apiKey: 'k' }, false],
    ['something unknown', { clientId: 'a', password: 'b' }, false],
  ])('with %s as credentials is as it should be', (_name, credentials, isGood) => {
    expect(validateConnection(input(credentials), coloop, ['coloop']).length === 0).toBe(isGood);
    if (isGood) expect(resolveConnection(input(credentials), coloop).credentials).toEqual(credentials);
    else expect(() => resolveConnection(input(credentials), coloop)).toThrow();
  });

  it('sends an API key in its header and needs no token then', () => {
    const settings = {};
    expect(coloop.grantOf?.({ settings, credentials: { apiKey: 'k' } })).toBe('none');
    expect(coloop.headers({ settings, credentials: { apiKey: 'k' } })['x-api-key']).toBe('k');
    expect(coloop.grantOf?.({ settings, credentials: { clientId: 'a' } })).toBe('user');
    expect(coloop.headers({ settings, credentials: { clientId: 'a' } })).not.toHaveProperty('x-api-key');
  });

  it('believes what an error says about trying again', () => {
    expect(coloop.isRetriable?.(500, { retriable: false })).toBe(false);
    expect(coloop.isRetriable?.(400, { retriable: true })).toBe(true);
    for (const body of [undefined, null, 'x', {}, { retriable: 'yes' }])
      expect(coloop.isRetriable?.(500, body)).toBeUndefined();
  });
});
