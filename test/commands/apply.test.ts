import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { endAll } from '../support/process.ts';
import { canary, openBench, type Bench } from './bench.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
});
afterAll(async () => {
  await endAll();
  await bench.shut();
});

const stored = () =>
  bench.query<{ id: string; revision: string; credentials: string; managed_by: string }>(
    'select id, revision, credentials, managed_by from sluice.connections order by id',
  );

describe('a file with mistakes', () => {
  const SECRET = canary('literal-secret');
  /** each has its mistake in the line that is named */
  const mistakes = [
    {
      name: 'unknown provider',
      yaml: [
        'connections:',
        '  acme:',
        '    provider: luca',
        '    credentials: { clientId: a, clientSecret: $ }',
      ],
      expected: {
        line: 3,
        where: 'connections.acme.provider',
        says: /did you mean "lucca"/,
        fix: /Write lucca/,
      },
    },
    {
      name: 'wrong host',
      yaml: [
        '    settings: { host: "https://acme.example.com/x" }',
        '    credentials: { clientId: a, clientSecret: $ }',
      ],
      expected: { line: 4, where: 'connections.acme.settings.host', says: /ilucca\.net/, fix: /\w+/ },
    },
    {
      name: 'missing credential',
      yaml: ['    settings: { host: acme.ilucca.net }', '    credentials: { clientId: a }'],
      expected: {
        line: 5,
        where: 'connections.acme.credentials.clientSecret',
        says: /is missing/,
        fix: /client_secret/,
      },
    },
    {
      name: 'bad cron',
      yaml: [
        '    settings: { host: acme.ilucca.net }',
        '    credentials: { clientId: a, clientSecret: $ }',
        '    schedule: "0 25 * * *"',
      ],
      expected: {
        line: 6,
        where: 'connections.acme.schedule',
        says: /is not a cron line/,
        fix: /such as "0 6 \* \* \*"/,
      },
    },
    {
      name: 'duplicate id',
      yaml: [
        '    settings: { host: acme.ilucca.net }',
        '    credentials: { clientId: a, clientSecret: $ }',
        '  acme:',
        '    provider: lucca',
      ],
      expected: { line: 6, where: 'connections.acme', says: /twice|already|duplicate/i, fix: /\w+/ },
    },
    {
      name: 'unknown key',
      yaml: [
        '    settings: { host: acme.ilucca.net }',
        '    credentials: { clientId: a, clientSecret: $ }',
        '    shedule: manual',
      ],
      expected: {
        line: 6,
        where: 'connections.acme.shedule',
        says: /did you mean "schedule"/,
        fix: /schedule/,
      },
    },
    {
      name: 'variable that is not set',
      yaml: [
        '    settings: { host: acme.ilucca.net }',
        '    credentials: { clientId: a, clientSecret: "${NOT_SET_HERE}" }',
      ],
      expected: {
        line: 5,
        where: 'connections.acme.credentials.clientSecret',
        says: /NOT_SET_HERE/,
        fix: /\w+/,
      },
    },
  ];

  it.concurrent.each(mistakes)(
    '$name: is named with its line and the fix',
    async ({ name, yaml, expected }) => {
      const head = yaml[0] === 'connections:' ? [] : ['connections:', '  acme:', '    provider: lucca'];
      const text = [...head, ...yaml].join('\n').replaceAll('$ ', `${SECRET} `);
      const file = bench.file(`${name.replaceAll(' ', '-')}.yaml`, `${text}\n`);
      const validated = await bench.run(['validate', file, '--json']);
      expect(validated.code).toBe(2);
      expect(validated.json).toMatchObject({ ok: false, connections: [], error: { code: 'config_invalid' } });
      const problem = validated.json.problems.find((one: any) => one.where === expected.where);
      expect(problem, validated.stdout).toMatchObject({
        line: expected.line,
        message: expect.stringMatching(expected.says),
        fix: expect.stringMatching(expected.fix),
      });
      expect(validated.stdout + validated.stderr).not.toContain(SECRET);
    },
  );

  it('is refused as a whole, with all mistakes at once and nothing applied', async () => {
    const good = bench.connection();
    const file = bench.file('several.json', {
      connections: {
        good,
        acme: { ...good, provider: 'luca', shedule: 'manual' },
        globex: { ...good, schedule: 'sometimes', credentials: { clientId: 'a' } },
      },
    });
    const [result, human] = await Promise.all([
      bench.run(['apply', file, '--json']),
      bench.run(['apply', file, '--prune']),
    ]);
    expect(result.code).toBe(2);
    expect(result.json.error).toMatchObject({
      code: 'config_invalid',
      kind: 'config',
      advice: expect.any(String),
    });
    expect(human).toMatchObject({ code: 2, stdout: '' });
    for (const { line, where, message, fix } of result.json.error.problems)
      expect(human.stderr).toContain(`${file}:${line}  ${where}: ${message}\n    fix: ${fix}\n`);
    expect(result.json.error.problems.map((problem: any) => problem.where)).toEqual(
      expect.arrayContaining([
        'connections.acme.provider',
        'connections.acme.shedule',
        'connections.globex.schedule',
        'connections.globex.credentials.clientSecret',
      ]),
    );
    expect(await stored()).toEqual([]);
  });
});

describe('apply', () => {
  const yaml = (more: Record<string, unknown> = {}) => ({ connections: { acme: bench.connection(more) } });

  it('shows what a dry run would change, and changes nothing', async () => {
    const file = bench.file('sluice.json', yaml());
    const [program, human] = await Promise.all([
      bench.run(['apply', file, '--dry-run', '--json']),
      bench.run(['apply', file, '--dry-run']),
    ]);
    expect(program).toMatchObject({ code: 0 });
    expect(program.json).toEqual({ dryRun: true, data: [{ id: 'acme', action: 'create', changed: [] }] });
    expect(human.stdout).toMatch(
      /^\+ create\s+acme\nWould change: 1 created, 0 updated, 0 removed, 0 unchanged\.\n$/,
    );
    expect(await stored()).toEqual([]);
  });

  it('takes JSON and YAML alike, and changes nothing the second time', async () => {
    const created = await bench.apply({ acme: bench.connection() });
    expect(created).toEqual({ dryRun: false, data: [{ id: 'acme', action: 'create', changed: [] }] });
    const before = await stored();
    const { lucca } = bench;
    const text = [
      '# the same connection, written by hand',
      'connections:',
      '  acme:',
      '    provider: lucca',
      `    settings: { host: ${lucca.settings.host} }`,
      '    credentials:',
      `      clientId: ${(bench.connection() as any).credentials.clientId}`,
      '      clientSecret: ${CLIENT_SECRET}',
      `    endpoints: { api: "${lucca.urls.api}", token: "${lucca.urls.token}" }`,
      '    streams: [employees, departments]',
      '    schedule: manual',
      '    retry: { attempts: 2, maxDelay: 100ms, baseDelay: 50ms }',
    ];
    const again = await bench.run(['apply', bench.file('again.yaml', text.join('\n')), '--json']);
    expect(again.json.data).toEqual([{ id: 'acme', action: 'unchanged', changed: [] }]);
    expect(await stored()).toEqual(before);
  });

  it('names changed credentials and shows neither the old nor the new value', async () => {
    const secret = canary('new-secret');
    const file = bench.file('sluice.json', yaml());
    const human = await bench.run(['apply', file], { CLIENT_SECRET: secret });
    expect(human).toMatchObject({ code: 0 });
    expect(human.stdout).toMatch(/^~ update\s+acme\s+\(credentials\)$/m);
    expect(human.stdout + human.stderr).not.toContain(secret);
    const back = await bench.run(['apply', file, '--json']);
    expect(back.json.data).toEqual([{ id: 'acme', action: 'update', changed: ['credentials'] }]);
    await bench.expectNoSecrets(secret);
  });

  it('prunes what a file had made and a file only, and only when asked to', async () => {
    await bench.apply({ acme: bench.connection(), globex: bench.connection(), byhand: bench.connection() });
    await bench.query(`update sluice.connections set managed_by = 'api' where id = 'byhand'`);
    const kept = await bench.apply({ acme: bench.connection() });
    expect(kept.data).toEqual([
      { id: 'acme', action: 'unchanged', changed: [] },
      { id: 'globex', action: 'kept', changed: [] },
    ]);
    const dry = await bench.apply({ acme: bench.connection() }, '--prune', '--dry-run');
    expect(dry.data).toContainEqual({ id: 'globex', action: 'remove', changed: [] });
    expect(await stored()).toHaveLength(3);
    // an open run of a connection that goes is over
    await bench.run(['sync', 'globex']);
    await bench.apply({ acme: bench.connection() }, '--prune');
    expect((await stored()).map(({ id, managed_by }) => [id, managed_by])).toEqual([
      ['acme', 'file'],
      ['byhand', 'api'],
    ]);
    expect(await bench.query(`select status, slot from sluice.runs where connection_id = 'globex'`)).toEqual([
      { status: 'cancelled', slot: null },
    ]);
  });

  it('is what the release command does with SLUICE_CONFIG, after migrating', async () => {
    const file = bench.file('elsewhere.json', yaml({ streams: ['employees'] }));
    const [released, missing] = await Promise.all([
      bench.run(['release', '--json'], { SLUICE_CONFIG: file }),
      bench.run(['release', '--json'], { SLUICE_CONFIG: 'missing.yaml' }),
    ]);
    expect(released).toMatchObject({ code: 0 });
    expect(released.json).toMatchObject({
      applied: [],
      connections: [{ id: 'acme', action: 'update', changed: ['streams'] }],
    });
    expect(missing.code).toBe(2);
    expect(missing.json.error.problems.map((problem: any) => problem.where)).toContain('SLUICE_CONFIG');
    const none = await bench.run(['release', '--json']);
    expect(none.json).toEqual({ applied: [], connections: null });
  });

  it('names a file that does not exist', async () => {
    const result = await bench.run(['apply', 'nowhere.yaml', '--json']);
    expect(result.code).toBe(2);
    expect(result.json.error.message).toMatch(/nowhere\.yaml: does not exist/);
  });
});

it('prints no secret and stores none readable', () => bench.expectNoSecrets());
