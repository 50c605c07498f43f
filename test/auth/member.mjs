/**
 * One process of a fleet, on the built code. Says `ready`, then answers each line on its standard input, a JSON
 * command, with one line of JSON. Argument: a JSON object with `place` of the cache, `keys` and `lockLifeMs`.
 */
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { parseKeyring } from '../../dist/src/auth/keyring.js';
import { createOAuthClient } from '../../dist/src/auth/oauth.js';
import { createPostgresCache } from '../../dist/src/auth/postgres-cache.js';
import { createRedisCache } from '../../dist/src/auth/redis-cache.js';
import { createTokenService } from '../../dist/src/auth/tokens.js';
import { createVault } from '../../dist/src/auth/vault.js';
import { createGuardedFetch } from '../../dist/src/net/fetch.js';
import { closeRedis, connectRedis } from '../../dist/src/store/redis.js';

const { place, keys, lockLifeMs } = JSON.parse(process.argv[2]);
const { cache, close } = place.redis === undefined ? onPostgres() : onRedis();
const fetcher = createGuardedFetch({ allowLoopback: true, allowHosts: [] });
const causes = [];
const service = createTokenService({
  cache,
  oauth: createOAuthClient({ fetch: fetcher.fetch, now: Date.now }),
  vault: createVault(parseKeyring(keys)),
  now: Date.now,
  random: Math.random,
  ownerId: `process ${process.pid}`,
  onEvent: (event) => event.type === 'request' && causes.push(event.cause),
  ...(lockLifeMs === undefined ? {} : { lockLifeMs }),
});

const commands = {
  /** so many calls at once */
  async get({ subject, calls, options = {} }) {
    const results = await Promise.allSettled(
      Array.from({ length: calls }, (_, call) => service.get(subject, { flow: `flow-${call}`, ...options })),
    );
    const tokens = results.flatMap(({ value }) => (value === undefined ? [] : [value]));
    return {
      fingerprints: [...new Set(tokens.map(({ fingerprint }) => fingerprint))],
      tokens: tokens.length,
      requested: tokens.filter(({ requested }) => requested).length,
      errors: results.flatMap(({ reason }) => (reason === undefined ? [] : [reason.code ?? String(reason)])),
    };
  },
  /** so many reads, one after the other */
  async read({ subject, times }) {
    const fingerprints = new Set();
    for (let time = 0; time < times; time += 1) {
      fingerprints.add((await service.get(subject, { flow: 'read' })).fingerprint);
    }
    return { fingerprints: [...fingerprints] };
  },
  /** so many jobs that the provider answered with 401, each with what a request does then */
  async unauthorized({ subject, jobs, fingerprint }) {
    const used = await service.get(subject, { flow: 'job' });
    if (fingerprint !== undefined && used.fingerprint !== fingerprint) throw new Error('not that token');
    const replays = await Promise.all(
      Array.from({ length: jobs }, async () => {
        const replay = await service.reject(subject, { flow: 'job' }, used);
        return replay ? (await service.get(subject, { flow: 'job' })).fingerprint : null;
      }),
    );
    return { replays };
  },
  /** a provider that answers every token with 401, met again and again */
  async never({ subject, times }) {
    for (let time = 0; time < times; time += 1) {
      const used = await service.get(subject, { flow: 'job' });
      if (!(await service.reject(subject, { flow: 'job' }, used))) continue;
      await service.reject(subject, { flow: 'job' }, await service.get(subject, { flow: 'job' }));
    }
    return {};
  },
  /** uses a token until another one is there */
  async outlive({ subject, fingerprint }) {
    for (;;) {
      const token = await service.get(subject, { flow: 'job' });
      if (token.fingerprint !== fingerprint) return { fingerprint: token.fingerprint, causes };
      await sleep(20);
    }
  },
};

await cache.read('no such key', '');
process.stdout.write('ready\n');
for await (const line of createInterface({ input: process.stdin })) {
  const { command, ...parameters } = JSON.parse(line);
  process.stdout.write(`${JSON.stringify(await commands[command](parameters))}\n`);
}
await service.close();
await fetcher.close();
await close();

function onPostgres() {
  const pool = new pg.Pool({ connectionString: place.databaseUrl, max: 2 });
  return { cache: createPostgresCache({ pool, timeoutMs: 10_000 }), close: () => pool.end() };
}

function onRedis() {
  const client = connectRedis(place.redis, { name: 'member', onError: () => undefined });
  const { prefix } = place.redis;
  return { cache: createRedisCache({ client, prefix, timeoutMs: 10_000 }), close: () => closeRedis(client) };
}
