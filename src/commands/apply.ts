/** `sluice apply FILE`: the stored connections become what the file says. */
import { resolve } from 'node:path';
import { formatProblems, type Environment } from '../config/index.ts';
import { checkEndpoint } from '../net/hosts.ts';
import { findProvider, providers } from '../providers/registry.ts';
import { loadConfigFile } from '../providers/validate.ts';
import type { Runtime } from '../runtime.ts';
import { audited } from '../store/audit.ts';
import { applyConnections, type PlannedChange } from '../sync/apply.ts';
import { commandActor } from './actor.ts';
import { help, type AddCommand } from './cli-types.ts';
import { exitCodes } from './exit.ts';
import { note, say, sayJson } from './io.ts';
import { announceSecrets, commandLogger, readEnvironment } from './session.ts';

export const addApply: AddCommand = (program, { action }) => {
  program
    .command('apply')
    .argument('<file>', 'sluice.yaml')
    .description('create and change connections as the file says; shows what differs')
    .option('--dry-run', 'show the plan and change nothing')
    .option('--prune', 'also remove connections that came from a file and are in it no more')
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      help(
        [
          'sluice apply sluice.yaml --dry-run',
          'sluice apply sluice.yaml',
          'sluice apply sluice.yaml --prune',
        ],
        ['done', 'failed', 'usage'],
      ),
    )
    .action(
      action(async ([file = ''], options) => {
        const dryRun = options.dryRun === true;
        const plan = await applyFile(readEnvironment('command'), resolve(file), {
          prune: options.prune === true,
          dryRun,
        });
        if (options.json === true) sayJson({ data: plan, dryRun });
        else printPlan(plan, dryRun);
        return exitCodes.done;
      }),
    );
};

interface ApplyFileOptions {
  readonly prune: boolean;
  readonly dryRun: boolean;
}

/** Validates the whole file first: with one error in it, nothing of it is applied, and no database is opened. */
export async function applyFile(
  environment: Environment,
  path: string,
  options: ApplyFileOptions,
): Promise<PlannedChange[]> {
  const connections = await readConnections(environment, path);
  const { openRuntime } = await import('../runtime.ts');
  const runtime = await openRuntime(environment, { logger: commandLogger(environment), workers: false });
  try {
    announceSecrets(runtime.secrets);
    return await applyTo(runtime, connections, options);
  } finally {
    await runtime.close();
  }
}

type Connections = Awaited<ReturnType<typeof loadConfigFile>>['connections'];

/** The connections of a valid file; warnings are told. */
export async function readConnections(environment: Environment, path: string): Promise<Connections> {
  const file = await loadConfigFile({
    path,
    env: process.env,
    providers,
    checkEndpoint: (url) => checkEndpoint(url, environment),
  });
  if (file.problems.length > 0) note(formatProblems(file.problems, path));
  return file.connections;
}

/** Changes that an audit entry names. */
const NAMED_CHANGES = 100;

export function applyTo(
  runtime: Pick<Runtime, 'db' | 'vault' | 'now'>,
  connections: Connections,
  options: ApplyFileOptions,
): Promise<PlannedChange[]> {
  const { db, vault } = runtime;
  const apply = (): Promise<PlannedChange[]> =>
    applyConnections({ db, vault, findProvider }, connections, {
      ...options,
      now: new Date(runtime.now()),
    });
  if (options.dryRun) return apply();
  const details = { prune: options.prune };
  return audited(db, { actor: commandActor(), action: 'config.apply', details }, async (note) => {
    const plan = await apply();
    const changes = plan.filter(({ action }) => action !== 'unchanged' && action !== 'kept');
    note({ details: { changes: changes.slice(0, NAMED_CHANGES), changed: changes.length } });
    return plan;
  });
}

const marks = { create: '+', update: '~', unchanged: '=', remove: '-', kept: '?' } as const;

/** `print` is standard output for the command, standard error for a process that only mentions it. */
export function printPlan(
  plan: readonly PlannedChange[],
  dryRun: boolean,
  print: (line: string) => void = say,
): void {
  for (const { id, action, changed } of plan) {
    const detail = changed.length === 0 ? '' : `  (${changed.join(', ')})`;
    const hint = action === 'kept' ? '  (no longer in the file: --prune removes it)' : '';
    print(`${marks[action]} ${action.padEnd(9)} ${id}${detail}${hint}`);
  }
  const count = (action: PlannedChange['action']): number =>
    plan.filter((change) => change.action === action).length;
  const verb = dryRun ? 'Would change' : 'Changed';
  print(
    `${verb}: ${count('create')} created, ${count('update')} updated, ${count('remove')} removed, ${count('unchanged')} unchanged.`,
  );
}
