/** The sandbox as a process of its own, steered over HTTP. It runs the built program: `npm test` builds first. */

import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';

import { startSandbox } from '../../sandbox/index.ts';
import { send } from './lucca-client.ts';

const MAIN = fileURLToPath(new URL('../../dist/sandbox/main.js', import.meta.url));

const running: ChildProcessWithoutNullStreams[] = [];
afterEach(async () => {
  for (const child of running.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
});
beforeAll(() => {
  if (!existsSync(MAIN)) throw new Error('dist/sandbox/main.js is missing: run `npm run build`');
});

function launch(...args: string[]): ChildProcessWithoutNullStreams {
  const child = spawn(process.execPath, [MAIN, ...args]);
  running.push(child);
  return child;
}

async function ready(child: ChildProcessWithoutNullStreams): Promise<any> {
  const lines = createInterface(child.stdout);
  const [line] = (await once(lines, 'line')) as [string];
  return JSON.parse(line);
}

const post = (url: string, body?: unknown) =>
  send(url, { method: 'POST', ...(body === undefined ? {} : { body: JSON.stringify(body) }) });

describe('a stand-alone sandbox', () => {
  test('says where it is in one line, takes commands, and ends on SIGTERM', async () => {
    const child = launch('--provider', 'lucca', '--records', '30', '--seed', '3');
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    let errors = '';
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    const { control, providers } = await ready(child);
    const [lucca] = providers;
    expect(lucca).toMatchObject({
      id: 'lucca',
      settings: { host: 'sandbox.ilucca.net' },
      records: { employees: 30 },
    });

    const token = await send(lucca.urls.token, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: lucca.credentials.clientId,
        client_secret: lucca.credentials.clientSecret,
        scope: 'employees.readonly',
      }),
    });
    const headers = { authorization: `Bearer ${token.body.access_token}`, 'api-version': '2024-11-01' };
    const list = () => send(`${lucca.urls.api}/employees?limit=100&include=links`, { headers });

    const command = (name: string, body?: unknown) => post(`${control}/_sandbox/lucca/${name}`, body);
    expect((await command('state', { resource: 'employees' })).body.items).toEqual((await list()).body.items);

    const edit = await command('edit', { creates: 2, updates: 3, deletes: 1 });
    expect(edit.body).toMatchObject({ resource: 'employees', created: { length: 2 } });
    expect((await list()).body.items).toHaveLength(31);
    await command('resize', { resource: 'employees', count: 5 });
    expect((await list()).body.items).toHaveLength(5);

    await command('faults', { kind: 'status', status: 503, path: '/lucca-api/*' });
    expect((await list()).status).toBe(503);
    expect((await command('counters')).body).toMatchObject({
      tokenRequests: 1,
      byStatus: { 200: 4, 503: 1 },
    });

    expect((await command('limits', { requests: 1 })).body.requests).toBe(1);
    expect((await list()).status).toBe(429);
    await command('limits', { requests: 1000 });
    expect((await command('revoke')).body).toEqual({ revoked: 1 });
    expect((await list()).status).toBe(401);

    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(output.trimEnd().split('\n')).toHaveLength(1);
    expect(errors).toBe('');
  });

  test('ends on SIGTERM although a request hangs', async () => {
    const child = launch('--records', '1');
    const { control, providers } = await ready(child);
    await post(`${control}/_sandbox/lucca/faults`, { kind: 'hang' });
    const hanging = fetch(providers[0].urls.api).catch(() => 'ended');
    await expect.poll(async () => (await post(`${control}/_sandbox/lucca/counters`)).body.total).toBe(1);
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(await hanging).toBe('ended');
  });

  test.each([[['--provider', 'nobody']], [['--port', 'http']], [['--color']], [['--records', '-1']]])(
    'refuses %j with exit code 2',
    async (args) => {
      const child = launch(...args);
      let errors = '';
      child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
      expect(await once(child, 'close')).toEqual([2, null]);
      expect(errors).toContain('usage:');
    },
  );

  test('says when its port is taken, with exit code 1', async () => {
    const first = await startSandbox({ providers: ['lucca'], records: 1 });
    try {
      const child = launch('--port', new URL(first.providers.lucca.urls.api).port);
      let errors = '';
      child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
      expect(await once(child, 'close')).toEqual([1, null]);
      expect(errors).toContain('EADDRINUSE');
    } finally {
      await first.close();
    }
  });
});

describe('the control server', () => {
  test('describes the providers and refuses what it does not know', async () => {
    const sandbox = await startSandbox({ providers: ['lucca'], records: 3, controlPort: 0 });
    try {
      const control = sandbox.control ?? '';
      const described = await send(`${control}/_sandbox`, {});
      expect(described.body.providers).toMatchObject([{ id: 'lucca', urls: sandbox.providers.lucca.urls }]);
      expect((await post(`${control}/_sandbox/nobody/edit`)).status).toBe(404);
      expect((await post(`${control}/_sandbox/lucca/dance`)).status).toBe(404);
      const bad = await post(`${control}/_sandbox/lucca/state`, { resource: 'salaries' });
      expect([bad.status, bad.body.error]).toEqual([400, "the sandbox has no resource 'salaries'"]);
      expect((await post(`${control}/_sandbox/lucca/faults`, { kind: 'earthquake' })).status).toBe(400);
    } finally {
      await sandbox.close();
    }
  });

  test('is not reachable after close, and close may be called twice', async () => {
    const sandbox = await startSandbox({ providers: ['lucca'], records: 3, controlPort: 0 });
    await sandbox.close();
    await sandbox.close();
    await expect(fetch(`${sandbox.control}/_sandbox`)).rejects.toThrow('fetch failed');
    await expect(fetch(sandbox.providers.lucca.urls.api)).rejects.toThrow('fetch failed');
  });
});
