import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { endAll, type SluiceProcess } from '../support/process.ts';
import { openBench, type Bench } from './bench.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
});
afterAll(async () => {
  await endAll();
  await bench.shut();
});

/** The address that a process says it listens on. */
async function urlOf(sluice: SluiceProcess): Promise<string> {
  await sluice.said('"msg":"ready"');
  const line = sluice
    .stderr()
    .split('\n')
    .find((one) => one.includes('"msg":"ready"'));
  return JSON.parse(line ?? '').url;
}

it('web and worker answer health checks, and stop with exit code 0 within the grace on SIGTERM', async () => {
  const web = bench.start(['web'], {
    HOST: '127.0.0.1',
    PORT: '0',
    PUBLIC_URL: 'https://sluice.example.com',
  });
  const worker = bench.start(['worker'], {
    HOST: '127.0.0.1',
    SLUICE_WORKER_PORT: '0',
    SLUICE_SHUTDOWN_GRACE: '10s',
  });
  const [webUrl, workerUrl] = await Promise.all([urlOf(web), urlOf(worker)]);
  for (const url of [webUrl, workerUrl]) {
    expect((await fetch(`${url}/livez`)).status).toBe(200);
    const ready = await fetch(`${url}/readyz`);
    expect([ready.status, await ready.text()]).toEqual([200, expect.stringContaining('database')]);
    expect((await fetch(`${url}/metrics`)).status).toBe(401);
    const headers = { authorization: `Bearer ${bench.env.SLUICE_API_KEYS ?? ''}` };
    expect(await (await fetch(`${url}/metrics`, { headers })).text()).toContain('sluice_');
  }
  expect((await fetch(`${webUrl}/`, { redirect: 'manual' })).status).toBeLessThan(400);
  expect((await fetch(`${workerUrl}/`)).status).toBe(404);
  for (const end of await Promise.all([web.end('SIGTERM'), worker.end('SIGTERM')])) {
    expect(end).toMatchObject({ code: 0, signal: null });
    expect(end.ms).toBeLessThan(10_000);
  }
  expect(web.stdout() + worker.stdout()).toBe('');
  await expect(fetch(`${webUrl}/livez`)).rejects.toThrow();
});

it('a port that is taken ends the start with exit code 2, and is named with the variable to set', async () => {
  const blocker = createServer().listen(0, '127.0.0.1');
  await once(blocker, 'listening');
  const { port } = blocker.address() as { port: number };
  const taken = { HOST: '127.0.0.1', PORT: String(port), PUBLIC_URL: 'https://sluice.example.com' };
  const result = await bench.run(['web'], taken);
  expect(result).toMatchObject({ code: 2, stdout: '' });
  expect(result.stderr).toContain(
    `error port_in_use: Port ${port} on 127.0.0.1 is taken.\n  fix: Set PORT to a free port`,
  );
  blocker.close();
  await once(blocker, 'close');
});

it('prints no secret and stores none readable', () => bench.expectNoSecrets());
