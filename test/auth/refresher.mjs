/**
 * One process of a fleet that refreshes grants, on the built code. Its argument is a JSON object: `databaseUrl`, `place`
 * of the cache, `keys`, `subject`, and either
 * - `killAt`: refreshes once and is killed by its own hand at that step (`decrypt`: before the intent, `send`: after it,
 *   `answer`: the server has rotated, `encrypt`: just before the store, `stored`: just after it), or
 * - `jobs`: says `ready`, then that many loops take a token and use it at `useUrl`, until a line comes on its standard input.
 */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { dispatchGrants } from '../../dist/src/auth/grants/dispatch.js';
import { createRefresher } from '../../dist/src/auth/grants/refresh.js';
import { createAuthorizationServers } from '../../dist/src/auth/grants/server.js';
import { parseKeyring } from '../../dist/src/auth/keyring.js';
import { createOAuthClient } from '../../dist/src/auth/oauth.js';
import { createPostgresCache } from '../../dist/src/auth/postgres-cache.js';
import { createRedisCache } from '../../dist/src/auth/redis-cache.js';
import { createTokenService } from '../../dist/src/auth/tokens.js';
import { createVault } from '../../dist/src/auth/vault.js';
import { createGuardedFetch } from '../../dist/src/net/fetch.js';
import { openDb } from '../../dist/src/store/db.js';
import { closeRedis, connectRedis } from '../../dist/src/store/redis.js';

const { databaseUrl, place, keys, subject, killAt, jobs, useUrl, intentLifeMs } = JSON.parse(process.argv[2]);
const die = (step) => {
  // the kernel ends the process; nothing after this line runs
  if (killAt === step) process.kill(process.pid, 'SIGKILL');
};

const net = createGuardedFetch({ allowLoopback: true, allowHosts: [] });
const fetch = async (url, request) => {
  die('send');
  const answer = await net.fetch(url, request);
  die('answer');
  return answer;
};
const real = createVault(parseKeyring(keys));
const vault = {
  ...real,
  encrypt(text, identity) {
    if (identity.startsWith('grant:')) die('encrypt');
    return real.encrypt(text, identity);
  },
  decrypt(text, identity) {
    if (identity.startsWith('grant:')) die('decrypt');
    return real.decrypt(text, identity);
  },
};
const locks = openDb({ url: databaseUrl, max: 4, applicationName: 'refresher process' });
const writes = openDb({
  url: databaseUrl,
  max: 2,
  applicationName: 'refresher process',
  queryTimeoutMs: 10_000,
});
const refresher = createRefresher({
  locks,
  writes,
  servers: createAuthorizationServers({ fetch, now: Date.now }),
  vault,
  now: Date.now,
  ...(intentLifeMs === undefined ? {} : { intentLifeMs }),
});

if (jobs === undefined) {
  const issued = await refresher.requestToken(subject);
  die('stored');
  process.stdout.write(issued.value);
} else await work();
await refresher.close();
await locks.close();
await writes.close();
await net.close();

async function work() {
  const { cache, close } = place.redis === undefined ? onPostgres() : onRedis();
  const service = createTokenService({
    cache,
    oauth: dispatchGrants(createOAuthClient({ fetch, now: Date.now }), refresher),
    vault: real,
    now: Date.now,
    random: Math.random,
    ownerId: `process ${process.pid}`,
  });
  const over = new AbortController();
  process.stdout.write('ready\n');
  void once(process.stdin, 'data').then(() => over.abort());
  const errors = [];
  let used = 0;
  const job = async (number) => {
    const wish = { flow: `flow-${number}`, maxWaitMs: 60_000 };
    while (!over.signal.aborted) {
      try {
        const token = await service.get(subject, wish);
        const answer = await net.fetch(useUrl, { headers: { authorization: `Bearer ${token.value}` } });
        if (answer.status === 200) used += 1;
        // expired on its way, on a slow machine
        else if (token.expiresAt > Date.now()) errors.push(`answered ${answer.status}`);
      } catch (error) {
        errors.push(`${error.code ?? 'no code'}: ${error.message}`);
      }
      await sleep(50);
    }
  };
  await Promise.all(Array.from({ length: jobs }, (_, number) => job(number)));
  await service.close();
  await close();
  process.stdin.destroy();
  process.stdout.write(JSON.stringify({ errors: errors.slice(0, 5), used }));
}

function onPostgres() {
  const pool = new pg.Pool({ connectionString: place.databaseUrl, max: 2 });
  return { cache: createPostgresCache({ pool, timeoutMs: 10_000 }), close: () => pool.end() };
}

function onRedis() {
  const client = connectRedis(place.redis, { name: 'refresher', onError: () => undefined });
  const { prefix } = place.redis;
  return { cache: createRedisCache({ client, prefix, timeoutMs: 10_000 }), close: () => closeRedis(client) };
}
