/** A connection held against its provider's rules and tried there, before anything of it is stored. */
import { hasErrors, type ConnectionInput, type Problem } from '../config/index.ts';
import { reportOf } from '../errors.ts';
import { checkEndpoint } from '../net/hosts.ts';
import type { ProviderDefinition } from '../providers/contract.ts';
import { providers } from '../providers/registry.ts';
import { validateConnectionBody } from '../providers/validate.ts';
import type { Runtime } from '../runtime.ts';
import { findConnection } from '../store/connections.ts';
import { checkConnection } from '../sync/check.ts';
import { resolved } from '../sync/load-connection.ts';
import type { FormProblem, Trial } from '../web/steering-contract.ts';

export async function tryConnection(runtime: Runtime, id: string, body: unknown): Promise<Trial> {
  const { connection: input, problems } = validateConnectionBody(id, body, {
    providers,
    checkEndpoint: (url) => checkEndpoint(url, runtime.environment),
  });
  const shown = shownProblems(problems);
  if ((await findConnection(runtime.db.pool, id)) !== undefined)
    shown.push({
      where: 'id',
      message: 'is the id of another connection',
      fix: 'Choose another one, or change that connection on its own page.',
    });
  const provider = input === undefined ? undefined : runtime.findProvider(input.provider);
  if (input === undefined || provider === undefined || hasErrors(problems) || shown.length > problems.length)
    return { problems: shown, needsConsent: false, check: null };
  return tryInput(runtime, input, provider);
}

/** Tries what is valid. Nothing that is stored under the same id changes by that. */
export async function tryInput(
  runtime: Runtime,
  input: ConnectionInput,
  provider: ProviderDefinition,
): Promise<Trial> {
  const connection = resolved(input, provider);
  if (connection.grant === 'user') return { problems: [], needsConsent: true, check: null };
  // as a check of a stored one, which finds this instead
  const context = { ...runtime, loadConnection: async () => connection };
  const { steps, error } = await checkConnection(context, input.id, { clears: false });
  return {
    problems: [],
    needsConsent: false,
    check: { steps, error: error === undefined ? null : reportOf(error) },
  };
}

export function shownProblems(problems: readonly Problem[]): FormProblem[] {
  return problems.map(({ where, message, fix }) => ({ where, message, fix }));
}
