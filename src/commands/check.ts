/** `sluice check ID`: asks for a token and makes the provider's cheapest call, now, whatever the schedule says. */
import { SluiceError, reportOf } from '../errors.ts';
import type { Runtime } from '../runtime.ts';
import { audited } from '../store/audit.ts';
import { findConnection } from '../store/connections.ts';
import { checkConnection, type CheckResult } from '../sync/check.ts';
import { commandActor } from './actor.ts';
import { help, type AddCommand } from './cli-types.ts';
import { unknownConnection } from './connections.ts';
import { exitCodeOf, exitCodes, formatError, type ExitCode } from './exit.ts';
import { err, paintStatus, say, sayJson } from './io.ts';
import { withRuntime } from './session.ts';

export const addCheck: AddCommand = (program, { action }) => {
  program
    .command('check')
    .argument('<id>', 'connection')
    .description("ask for a token and make the provider's cheapest call; say what is wrong")
    .option('--json', 'print one JSON document')
    .addHelpText('after', help(['sluice check acme-hr'], ['done', 'failed', 'usage', 'notFound', 'person']))
    .action(
      action(async ([id = ''], options) =>
        withRuntime({}, async (runtime) => {
          const result = await auditedCheck(runtime, id);
          const error = result.error === undefined ? null : reportOf(result.error);
          if (options.json === true) {
            sayJson({
              connection: id,
              ok: error === null,
              steps: result.steps,
              cleared: result.cleared,
              error,
            });
          } else {
            for (const step of result.steps)
              say(
                `${paintStatus(step.ok ? 'ok' : 'failed')}  ${step.name}${step.detail === '' ? '' : `: ${step.detail}`}`,
              );
            if (error !== null) err.write(formatError(error));
            else if (result.cleared) say(`${id} is active again.`);
          }
          return error === null ? exitCodes.done : exitCodeOfCheck(result.error, result.steps.length > 1);
        }),
      ),
    );
};

function auditedCheck(runtime: Runtime, id: string): Promise<CheckResult> {
  const entry = { actor: commandActor(), action: 'connection.check', connection: id };
  return audited(runtime.db, entry, async (note) => {
    if ((await findConnection(runtime.db.pool, id)) === undefined) throw await unknownConnection(runtime, id);
    const result = await checkConnection(runtime, id);
    const { cleared, error } = result;
    const ok = error === undefined;
    note({ details: { ok, cleared, ...(ok ? {} : { code: reportOf(error).code }) } });
    return result;
  });
}

/**
 * Before anything was asked of the provider, an error means what it means everywhere. From the provider, wrong
 * credentials and wrong settings need a person; the rest is a failure of now.
 */
function exitCodeOfCheck(error: unknown, asked: boolean): ExitCode {
  if (!asked || !(error instanceof SluiceError)) return exitCodeOf(error);
  return error.kind === 'auth' || error.kind === 'config' ? exitCodes.person : exitCodes.failed;
}
