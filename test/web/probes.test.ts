/** `/livez`, `/readyz`, `/metrics`: of the web process and of a worker. */
import { afterEach, describe, expect, test } from 'vitest';
import { SluiceError } from '../../src/errors.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { createWorkerApp } from '../../src/web/app.ts';
import type { ProbeDeps, Readiness } from '../../src/web/contract.ts';
import { startServer } from '../../src/web/server.ts';
import { parseExposition } from '../telemetry/exposition.ts';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function worker(overrides: Partial<ProbeDeps> = {}) {
  const log: string[] = [];
  const app = createWorkerApp({
    ready: async () => ({ ok: true, checks: [{ name: 'database', ok: true }] }),
    metrics: createMetrics(),
    apiKeys: ['key-one', 'key-two'],
    metricsOpen: false,
    publicUrl: 'http://127.0.0.1:3000',
    logger: createLogger({ destination: { write: (line) => log.push(line) } }),
    now: Date.now,
    ...overrides,
  });
  const server = await startServer({ app, host: '127.0.0.1', port: 0 });
  closing.push(() => server.close());
  return {
    log,
    get: (path: string, headers: Record<string, string> = {}) => fetch(server.url + path, { headers }),
  };
}

describe('/livez', () => {
  test('is 200 even while nothing else works', async () => {
    const { get } = await worker({ ready: () => Promise.reject(new Error('down')) });
    const answer = await get('/livez');
    expect([answer.status, await answer.json()]).toEqual([200, { ok: true }]);
    expect(answer.headers.get('cache-control')).toBe('no-store');
  });
});

describe('/readyz', () => {
  test('is 200 with each check when all is well', async () => {
    const { get } = await worker();
    const answer = await get('/readyz');
    expect([answer.status, await answer.json()]).toEqual([
      200,
      { ok: true, checks: [{ name: 'database', ok: true }] },
    ]);
  });

  test('is 503 with the advice of what fails', async () => {
    const readiness: Readiness = {
      ok: false,
      checks: [
        { name: 'database', ok: true },
        { name: 'queue', ok: false, message: 'no answer', advice: 'Start Redis.' },
      ],
    };
    const { get } = await worker({ ready: async () => readiness });
    const answer = await get('/readyz');
    expect([answer.status, await answer.json()]).toEqual([503, readiness]);
  });

  test('is 503 in bounded time when a check hangs, and asks it only once', async () => {
    let asked = 0;
    const { get } = await worker({
      readyTimeoutMs: 50,
      ready: () => {
        asked += 1;
        return new Promise(() => {});
      },
    });
    const answers = await Promise.all([get('/readyz'), get('/readyz'), get('/readyz')]);
    expect(answers.map(({ status }) => status)).toEqual([503, 503, 503]);
    expect(await answers[0]?.json()).toMatchObject({ ok: false, checks: [{ name: 'readiness', ok: false }] });
    expect(asked).toBe(1);
  });

  test('recovers from a check that never came back', async () => {
    const clock = { now: 0 };
    let hang = true;
    const { get } = await worker({
      now: () => clock.now,
      readyTimeoutMs: 20,
      ready: () => (hang ? new Promise(() => {}) : Promise.resolve({ ok: true, checks: [] })),
    });
    expect((await get('/readyz')).status).toBe(503);
    hang = false;
    expect((await get('/readyz')).status).toBe(503);
    clock.now += 201;
    expect((await get('/readyz')).status).toBe(200);
  });

  test('tells nothing of an error that is not ours, and all of one that is', async () => {
    const foreign = await worker({
      ready: () => Promise.reject(new Error('password authentication failed: pw')),
    });
    const answer = await foreign.get('/readyz');
    expect(answer.status).toBe(503);
    expect(await answer.text()).not.toContain('pw');
    expect(foreign.log.join('')).toContain('password authentication failed');
    const ours = await worker({
      ready: () => Promise.reject(new SluiceError('schema_outdated', 'Too old.')),
    });
    expect(await (await ours.get('/readyz')).json()).toMatchObject({
      checks: [{ message: 'Too old.', advice: expect.stringContaining('sluice migrate') as string }],
    });
  });
});

describe('/metrics', () => {
  test.each([
    ['no key', {}],
    ['a wrong key', { authorization: 'Bearer key-three' }],
    ['a key that only begins right', { authorization: 'Bearer key-one-and-more' }],
    ['an empty key', { authorization: 'Bearer ' }],
    ['another scheme', { authorization: 'Basic key-one' }],
  ])('is refused with %s, as a problem document', async (_name, headers: Record<string, string>) => {
    const { get } = await worker();
    const answer = await get('/metrics', { accept: 'text/html', ...headers });
    expect(answer.status).toBe(401);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/);
    expect(await answer.json()).toMatchObject({
      type: 'about:blank',
      title: 'Unauthorized',
      status: 401,
      code: 'api_key_required',
      kind: 'auth',
      advice: expect.stringContaining('SLUICE_API_KEYS') as string,
    });
  });

  test.each(['key-one', 'key-two'])('is served for any of the keys: %s', async (key) => {
    const { get } = await worker();
    const answer = await get('/metrics', { authorization: `Bearer ${key}` });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(parseExposition(await answer.text()).has('sluice_runs_total')).toBe(true);
  });

  test('is served to all where that is configured, and to nobody where there are no keys', async () => {
    const open = await worker({ metricsOpen: true });
    expect((await open.get('/metrics')).status).toBe(200);
    const keyless = await worker({ apiKeys: [] });
    expect((await keyless.get('/metrics', { authorization: 'Bearer x' })).status).toBe(401);
  });
});

test('a worker serves nothing else', async () => {
  const { get } = await worker();
  for (const path of ['/', '/login', '/queues', '/v1/runs']) expect((await get(path)).status).toBe(404);
});
