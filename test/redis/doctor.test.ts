import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { runSluice } from '../support/process.ts';
import { startRedis, type PrivateRedis } from '../support/redis.ts';

let cwd: string;
let database: TestDatabase;
let redis: PrivateRedis;
beforeAll(async () => {
  cwd = mkdtempSync(join(tmpdir(), 'sluice-doctor-'));
  [database, redis] = await Promise.all([createTestDatabase(), startRedis()]);
});
afterAll(async () => {
  await redis.close();
  await database.drop();
  rmSync(cwd, { recursive: true, force: true });
});

it('doctor finds a Redis that may drop jobs, and nothing wrong with one that keeps them', async () => {
  const env = {
    DATABASE_URL: database.url,
    REDIS_URL: redis.url,
    SLUICE_ENCRYPTION_KEYS: `k1:${randomBytes(32).toString('base64')}`,
  };
  const doctor = async () => {
    const { code, stdout } = await runSluice(['doctor', '--json'], { cwd, env });
    return { code, ...JSON.parse(stdout) };
  };
  await redis.command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
  expect(await doctor()).toMatchObject({ code: 0, ok: true });

  await redis.command('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
  const broken = await doctor();
  expect(broken).toMatchObject({ code: 1, ok: false });
  expect(broken.data).toContainEqual({
    name: 'queue',
    ok: false,
    message: expect.stringContaining('allkeys-lru'),
    advice: expect.stringContaining('maxmemory-policy noeviction'),
  });
});
