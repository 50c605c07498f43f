import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { endAll, runSluice, startSluice } from '../support/process.ts';
import { waitFor } from '../support/fleet.ts';

interface Demo {
  readonly ok: boolean;
  readonly seconds: number;
  readonly url: string;
  readonly connections: readonly {
    readonly id: string;
    readonly provider: string;
    readonly state: string;
    readonly records: Readonly<Record<string, number>>;
    readonly tokenRequests: number;
    readonly webhooks: { readonly received: number; readonly processed: number };
  }[];
}

// several processes each, on a machine that may be busy
vi.setConfig({ testTimeout: 120_000 });

describe('the demo', () => {
  let cwd: string;
  let dataDir: string;
  beforeAll(() => {
    cwd = mkdtempSync(join(tmpdir(), 'sluice-demo-'));
    // for root: the server's own account must reach its data, or they would be kept elsewhere and stay there
    chmodSync(cwd, 0o755);
    dataDir = join(cwd, '.sluice', 'demo');
  });
  afterEach(endAll);
  afterAll(() => rmSync(cwd, { recursive: true, force: true }));

  /** Set so that a demo that listened to them would fail: nothing listens on port 1. */
  const misleading = { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none', REDIS_URL: 'redis://127.0.0.1:1' };
  const serverFile = (): string => join(dataDir, 'postgres', 'server.json');
  const serverPid = (): number => (JSON.parse(readFileSync(serverFile(), 'utf8')) as { pid: number }).pid;

  it('makes one full pass in an empty folder and leaves nothing running', async () => {
    const { code, stdout, stderr } = await runSluice(['demo', '--once', '--json'], { cwd, env: misleading });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const demo = JSON.parse(stdout) as Demo;
    expect(demo).toMatchObject({
      ok: true,
      url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/) as string,
    });
    for (const connection of demo.connections) {
      expect(connection).toMatchObject({
        state: 'active',
        tokenRequests: 1,
      });
      // LOKE, Lucca and Floriday document webhooks; each has told of edits, and all of it was applied
      const { received, processed } = connection.webhooks;
      const tells = ['loke', 'lucca', 'floriday'].includes(connection.provider);
      expect({ provider: connection.provider, tells: received > 0 }).toEqual({
        provider: connection.provider,
        tells,
      });
      expect(processed).toBe(received);
      expect(Object.values(connection.records).every((count) => count > 0)).toBe(true);
    }
    expect(readdirSync(cwd)).toEqual(['.sluice']);
    expect(existsSync(serverFile())).toBe(false);
  });

  it('can be run again, and finds everything unchanged', async () => {
    const { code, stdout } = await runSluice(['demo', '--once'], { cwd });
    expect(code).toBe(0);
    expect(stdout).toMatch(/employees +120 +0 +0 +0 +120/);
    expect(stdout).toMatch(/CONNECTION +STATE +RECORDS .*WEBHOOKS +APPLIED/);
    expect(stdout).toMatch(/demo-lucca +active .* 3 +3\n/);
    expect(stdout).toMatch(/Done in [\d.]+ s/);
    expect(stdout).not.toContain('\u001b[');
  });

  it('ends in order on Ctrl-C with a sync running: work put back, Postgres stopped', async () => {
    const demo = startSluice(['demo', '--records', '8000'], { cwd });
    await demo.said('Sluice demo');
    const env = { SLUICE_DATA_DIR: dataDir };
    await waitFor(async () => {
      const { stdout } = await runSluice(['runs', '--json'], { cwd, env });
      const runs = (JSON.parse(stdout) as { data: { status: string; streams: { pages: number }[] }[] }).data;
      return runs.some((run) => run.status === 'running' && run.streams.some((stream) => stream.pages > 0))
        ? true
        : undefined;
    }, 90_000);
    const postgres = serverPid();
    const end = await demo.end('SIGINT', { group: true });
    expect(end).toMatchObject({ code: 0, signal: null });
    expect(existsSync(serverFile())).toBe(false);
    expect(() => process.kill(postgres, 0)).toThrow('ESRCH');
    const { stdout } = await runSluice(['runs', '--json'], { cwd, env });
    const runs = (JSON.parse(stdout) as { data: { status: string; error: unknown }[] }).data;
    const open = runs.filter((run) => ['running', 'waiting', 'queued'].includes(run.status));
    expect(open.length).toBeGreaterThan(0);
    expect(open.map((run) => run.error)).toEqual(open.map(() => null));
  }, 150_000);

  it('keeps the data when every process is killed, and goes on from there', async () => {
    const env = { SLUICE_DATA_DIR: dataDir };
    const demo = startSluice(['demo'], { cwd });
    await demo.said('Done in');
    const records = (text: string): unknown =>
      (JSON.parse(text) as { data: { records: unknown }[] }).data.map((connection) => connection.records);
    await demo.end('SIGKILL');
    const first = await runSluice(['connections', '--json'], { cwd, env });
    expect(first.code).toBe(0);
    const second = await runSluice(['connections', '--json'], { cwd, env });
    expect(records(second.stdout)).toEqual(records(first.stdout));
    expect(JSON.stringify(records(first.stdout))).toContain('employees');
    // the last to leave has stopped the server that the killed process left behind
    expect(existsSync(serverFile())).toBe(false);
    const again = await runSluice(['demo', '--once', '--json'], { cwd });
    expect((JSON.parse(again.stdout) as Demo).ok).toBe(true);
  });

  it('refuses a second demo on the same folder and names the first', async () => {
    const demo = startSluice(['demo'], { cwd });
    await demo.said('Sluice demo');
    const second = await runSluice(['demo', '--once'], { cwd });
    expect(second.code).toBe(2);
    expect(second.stderr).toContain(`pid ${demo.pid}`);
    expect((await demo.end('SIGINT', { group: true })).code).toBe(0);
  });
});
