/** `sluice token ID`: what is known of the cached token, and never the token. */
import type { TokenStatus } from '../auth/contract.ts';
import { tokenSubject } from '../outbound/client.ts';
import type { ResolvedConnection } from '../providers/connection.ts';
import { help, type AddCommand } from './cli-types.ts';
import { unknownConnection } from './connections.ts';
import { exitCodes } from './exit.ts';
import { note, paintStatus, say, sayJson } from './io.ts';
import { withRuntime } from './session.ts';
import { findConnection } from '../store/connections.ts';

export const addToken: AddCommand = (program, { action }) => {
  program
    .command('token')
    .argument('<id>', 'connection')
    .description(
      'state of the access token and metadata of the cached one: policy, age, expiry, scopes, fingerprint',
    )
    .option('--json', 'print one JSON document')
    .addHelpText('after', help(['sluice token acme-hr'], ['done', 'failed', 'usage', 'notFound']))
    .action(
      action(async ([id = ''], options) =>
        withRuntime({}, async (runtime) => {
          if ((await findConnection(runtime.db.pool, id)) === undefined)
            throw await unknownConnection(runtime, id);
          const connection = await runtime.loadConnection(id, { requireUsable: false });
          const { token, ...status } = await runtime.tokens.status(tokenSubject(connection));
          if (options.json === true) {
            sayJson({ connection: id, policy: connection.tokenPolicy, ...status, token });
          } else {
            print(connection, { ...status, token });
          }
          return exitCodes.done;
        }),
      ),
    );
};

function print({ id, tokenPolicy }: ResolvedConnection, status: TokenStatus): void {
  const { state, since, reason, advice, retryAt, token } = status;
  if (state === 'none') {
    note(`No token is cached for ${id}. ${reason ?? ''}`);
    return;
  }
  say(`state        ${paintStatus(state)}${since === null ? '' : `, since ${since}`}`);
  if (reason !== null) say(`why          ${reason}`);
  if (advice !== null) say(`fix          ${advice}`);
  if (retryAt !== null) say(`next request not before ${retryAt}`);
  say(`policy       ${tokenPolicy}`);
  if (token === null) return;
  say(`fingerprint  ${token.fingerprint}`);
  say(`age          ${token.ageSeconds} s, since ${token.obtainedAt}`);
  say(`expires      in ${token.expiresInSeconds} s, at ${token.expiresAt}`);
  say(`scopes       ${token.scopes.join(' ') || '(none)'}`);
  if (token.missingScopes.length > 0) say(`not granted  ${token.missingScopes.join(' ')}`);
}
