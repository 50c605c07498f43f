/** What a command leaves in the audit log, whether it succeeds or fails. */
import { hostname, userInfo } from 'node:os';
import type { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createProgram } from '../../src/commands/program.ts';
import { endAll } from '../support/process.ts';
import { openBench, type Bench, type Result } from './bench.ts';

interface Entry {
  readonly actor_kind: string;
  readonly actor: string;
  readonly source: string | null;
  readonly action: string;
  readonly connection_id: string | null;
  readonly outcome: string;
  readonly code: string | null;
  readonly details: Readonly<Record<string, unknown>>;
}

/** Calls of commands that act, and the entry that each leaves. */
const calls: readonly (readonly [args: string, entry: Partial<Entry>])[] = [
  ['check acme', { action: 'connection.check', outcome: 'done', details: { ok: true, cleared: false } }],
  [
    'check wrong',
    {
      action: 'connection.check',
      outcome: 'done',
      details: { ok: false, cleared: false, code: 'token_client_rejected' },
    },
  ],
  ['check nobody', { action: 'connection.check', outcome: 'failed', code: 'not_found' }],
  [
    'sync acme --dry-run --stream departments',
    {
      action: 'connection.dry_run',
      outcome: 'done',
      details: { ok: true, full: false, streams: ['departments'] },
    },
  ],
  [
    'sync wrong --dry-run',
    {
      action: 'connection.dry_run',
      outcome: 'done',
      details: {
        ok: false,
        full: false,
        streams: ['employees', 'departments'],
        code: 'token_client_rejected',
      },
    },
  ],
  ['sync acme', { action: 'connection.sync', outcome: 'done' }],
  ['pause still', { action: 'connection.pause', outcome: 'done' }],
  ['pause nobody', { action: 'connection.pause', outcome: 'failed', code: 'not_found' }],
  ['resume nobody', { action: 'connection.resume', outcome: 'failed', code: 'not_found' }],
  ['reset acme', { action: 'connection.reset', outcome: 'done' }],
  ['cancel no-such-run', { action: 'run.cancel', outcome: 'failed', code: 'not_found' }],
  ['purge acme employees nobody', { action: 'record.purge', outcome: 'failed', code: 'not_found' }],
  ['connections remove gone', { action: 'connection.remove', outcome: 'done' }],
  ['mappings acme set theirs ours', { action: 'mappings.set', outcome: 'failed' }],
  ['events replay --status dead --since 1h', { action: 'events.replay', outcome: 'done' }],
  ['webhooks register acme', { action: 'webhooks.register', outcome: 'failed' }],
  ['connect acme', { action: 'connection.connect_link', outcome: 'failed', code: 'connect_not_possible' }],
  [
    'connect acme --refresh-token-file token.txt',
    { action: 'connection.import_token', outcome: 'failed', code: 'connect_not_possible' },
  ],
  ['keys rotate', { action: 'keys.rotate', outcome: 'done' }],
];

/** Those that only read, or run processes. */
const readers =
  'demo start web worker migrate release validate providers connections runs records changes rejected mappings events ' +
  'webhooks/status token doctor completion ' +
  // needs no database, so that it also works where that is down
  'notify/test';

let bench: Bench;
let entries: Entry[] = [];
const results = new Map<string, Result>();
beforeAll(async () => {
  bench = await openBench();
  bench.file('token.txt', 'a-refresh-token-that-is-secret');
  await bench.apply({
    acme: bench.connection(),
    still: bench.connection(),
    gone: bench.connection(),
    wrong: bench.connection({ credentials: { clientId: 'nobody', clientSecret: '${CLIENT_SECRET}' } }),
  });
  for (let at = 0; at < calls.length; at += 3)
    await Promise.all(
      calls.slice(at, at + 3).map(async ([args]) => results.set(args, await bench.run(args.split(' ')))),
    );
  entries = await bench.query<Entry>('select * from sluice.audit_log order by id');
}, 240_000);
afterAll(async () => {
  await endAll();
  await bench.shut();
});

describe('the audit log', () => {
  it.each(calls)('has an entry of sluice %s', (args, expected) => {
    const result = results.get(args);
    const connection = /^(?:\S+ )?(?:register |remove )?(acme|wrong|still|gone|nobody)\b/.exec(args)?.[1];
    const found = entries.filter(
      ({ action, connection_id }) =>
        action === expected.action && (connection === undefined || connection_id === connection),
    );
    expect(found, result?.stdout ?? 'it did not run').toMatchObject([
      { actor_kind: 'command', actor: `${userInfo().username}@${hostname()}`, source: null, ...expected },
    ]);
    expect(found[0]?.outcome === 'failed').toBe(result?.code !== 0 && expected.details === undefined);
  });

  it('has an entry of an apply with what it changed', () => {
    const entry = entries.find(({ action }) => action === 'config.apply');
    expect(entry).toMatchObject({ outcome: 'done', actor_kind: 'command' });
    expect(JSON.stringify(entry?.details)).toContain('"acme"');
  });

  it('knows every command: one that is new acts or only reads', async () => {
    const known = new Set([
      ...readers.split(' '),
      'apply',
      ...calls.map(([args]) => {
        const [first = '', second = ''] = args.split(' ');
        if (first === 'mappings') return 'mappings/set';
        return ['connections', 'events', 'webhooks', 'keys'].includes(first) ? `${first}/${second}` : first;
      }),
    ]);
    const program = await createProgram({ action: () => () => Promise.resolve() }, () => {});
    expect([...namesOf(program)].filter((name) => !known.has(name))).toEqual([]);
  });

  it('holds no secret', () => bench.expectNoSecrets('a-refresh-token-that-is-secret'));
});

/** `webhooks/register`; of a group that does nothing by itself only its parts. */
function* namesOf(parent: Command, path = ''): Generator<string> {
  for (const command of parent.commands) {
    const name = path + command.name();
    const isGroup = command.commands.length > 0 && command.registeredArguments.length === 0;
    if (!isGroup) yield name;
    yield* namesOf(command, `${name}/`);
  }
}
