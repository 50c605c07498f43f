import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { endAll } from '../support/process.ts';
import { openBench, type Bench } from './bench.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
  await bench.apply({
    acme: bench.connection(),
    wrong: bench.connection({ credentials: { clientId: 'nobody', clientSecret: '${CLIENT_SECRET}' } }),
    down: bench.connection({ endpoints: { token: 'http://127.0.0.1:1/token', api: 'http://127.0.0.1:1' } }),
  });
});
afterAll(async () => {
  await endAll();
  await bench.shut();
});

describe('check', () => {
  it('asks for a token and makes a call, and says step by step what works', async () => {
    const [program, human, typo] = await Promise.all([
      bench.run(['check', 'acme', '--json']),
      bench.run(['check', 'acme']),
      bench.run(['check', 'acne', '--json']),
    ]);
    expect(program).toMatchObject({ code: 0 });
    expect(program.json).toEqual({
      connection: 'acme',
      ok: true,
      cleared: false,
      error: null,
      steps: [
        { name: 'configuration', ok: true, detail: expect.any(String) },
        { name: 'token', ok: true, detail: expect.any(String) },
        { name: 'api', ok: true, detail: '200 on /lucca-api/employees' },
      ],
    });
    expect(human).toMatchObject({ code: 0 });
    expect(human.stdout).toMatch(/^ok {2}configuration: .+\nok {2}token: .+\nok {2}api: 200 on .+\n$/);
    expect(typo).toMatchObject({ code: 3 });
  });

  it('ends with 4 where the credentials are wrong, with 1 where the provider is down', async () => {
    const [wrong, human, down] = await Promise.all([
      bench.run(['check', 'wrong', '--json']),
      bench.run(['check', 'wrong']),
      bench.run(['check', 'down', '--json']),
    ]);
    expect(wrong).toMatchObject({ code: 4 });
    expect(wrong.json).toMatchObject({
      ok: false,
      error: {
        code: 'token_client_rejected',
        kind: 'config',
        message: expect.any(String),
        advice: expect.stringContaining('client secret'),
      },
    });
    expect(wrong.json.steps.at(-1)).toMatchObject({ name: 'token', ok: false });
    expect(human).toMatchObject({ code: 4 });
    expect(human.stdout).toMatch(/^failed {2}token/m);
    expect(human.stderr).toContain(`fix: ${wrong.json.error.advice}`);
    expect(down).toMatchObject({ code: 1 });
    expect(down.json).toMatchObject({ ok: false, error: { kind: 'transient' } });
  });
});

describe('a connection that needs a person', () => {
  it('ends sync with 4, is refused until it is mended, and is active again when check succeeds', async () => {
    const { lucca } = bench;
    lucca.faults.add({
      kind: 'oauth-error',
      error: 'invalid_client',
      path: '/connect/token',
      times: Infinity,
    });
    const failed = await bench.run(['sync', 'acme', '--wait', '--json']);
    expect(failed).toMatchObject({ code: 4 });
    expect(failed.json.run).toMatchObject({ status: 'failed', error: { code: 'token_client_rejected' } });

    const [shown, list, again, still] = await Promise.all([
      bench.run(['connections', 'acme', '--json']),
      bench.run(['connections']),
      bench.run(['sync', 'acme', '--json']),
      bench.run(['check', 'acme', '--json']),
    ]);
    expect(shown.json.connection).toMatchObject({
      state: 'needs_attention',
      reason: failed.json.run.error.message,
      advice: failed.json.run.error.advice,
    });
    expect(list.stdout).toMatch(/^acme: .+\n {2}fix: .+$/m);
    expect(again).toMatchObject({ code: 4 });
    expect(again.json).toEqual({
      error: {
        code: 'connection_parked',
        kind: 'auth',
        message: expect.stringContaining(failed.json.run.error.message),
        advice: failed.json.run.error.advice,
      },
    });
    expect(still).toMatchObject({ code: 4 });
    expect(still.json.cleared).toBe(false);

    lucca.faults.clear();
    const mended = await bench.run(['check', 'acme', '--json']);
    expect(mended).toMatchObject({ code: 0 });
    expect(mended.json).toMatchObject({ ok: true, cleared: true });
    const [active, synced] = [
      await bench.run(['connections', 'acme', '--json']),
      await bench.run(['sync', 'acme', '--wait', '--json']),
    ];
    expect(active.json.connection).toMatchObject({ state: 'active', reason: null, advice: null });
    expect(synced).toMatchObject({ code: 0 });
  });

  it('prints no secret and stores none readable', () => bench.expectNoSecrets());
});
