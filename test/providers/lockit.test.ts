import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startSandbox, type Sandbox } from '../../sandbox/index.ts';
import { lockit } from '../../src/providers/lockit/index.ts';
import { findProvider } from '../../src/providers/registry.ts';

describe('the definition of LockitNetwork', () => {
  let sandbox: Sandbox<'lockit'>;
  beforeAll(async () => {
    sandbox = await startSandbox({ providers: ['lockit'], records: 60 });
  });
  afterAll(() => sandbox.close());

  it('comes with Sluice, with a stream for every simulated resource', () => {
    expect(findProvider('lockit')).toBe(lockit);
    const names = lockit.streams.map((stream) => stream.name).sort();
    expect(names).toEqual([...sandbox.providers.lockit.source.resources].sort());
  });

  it('accepts every record that its API gives, and refuses a known field of another type', () => {
    const wrong: Record<string, object> = {
      projects: { isPremium: 'yes' },
      episodes: { episodeNumber: 'one' },
      scenes: { sets: 'INT. KITCHEN' },
    };
    for (const stream of lockit.streams) {
      for (const record of sandbox.providers.lockit.source.list(stream.name)) {
        const result = stream.schema.safeParse(record);
        expect(result.success ? [] : result.error.issues).toEqual([]);
        expect(stream.schema.safeParse({ ...record, unknownField: { a: 1 } }).success).toBe(true);
        expect(stream.schema.safeParse({ ...record, ...wrong[stream.name] }).success).toBe(false);
        expect(stream.schema.safeParse({ ...record, uuid: '' }).success).toBe(false);
      }
    }
  });

  it('says of each path whether it is documented, and takes others for those that are inferred', () => {
    const paths = lockit.streams.map(({ path, evidence }) => [path, evidence]);
    expect(paths).toEqual([
      ['/projects', 'documented'],
      ['/projects/{parent}/episodes', 'inferred'],
      ['/projects/{grandparent}/episodes/{parent}/scenes', 'inferred'],
    ]);
    const settings = { scenesPath: '/episodes/{parent}/scenes' };
    const own = lockit.streamsFor?.(lockit.settings.parse(settings)).map(({ path }) => path);
    expect(own).toEqual(['/projects', '/projects/{parent}/episodes', '/episodes/{parent}/scenes']);
    for (const scenesPath of [
      '/scenes',
      'episodes/{parent}',
      '//evil.example/{parent}',
      'https://x/{parent}',
      '/a?b={parent}',
    ])
      expect(lockit.settings.safeParse({ scenesPath }).success).toBe(false);
  });

  it('has the unusual token path of the guide, HTTP Basic without encoding, and no scopes', () => {
    expect(lockit.endpoints({})).toEqual({
      authorization: 'https://api.lockitnetwork.com/oauth/authorize',
      token: 'https://api.lockitnetwork.com/oauth/access-token',
      api: 'https://api.lockitnetwork.com',
    });
    expect(lockit).toMatchObject({
      grants: ['user'],
      clientAuth: 'basic',
      basicEncoding: 'raw',
      baseScopes: [],
      defaultTokenLifetime: 604_800,
    });
  });
});
