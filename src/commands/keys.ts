/** `sluice keys rotate`: everything encrypted with an older key is encrypted with the first one. */
import { audited } from '../store/audit.ts';
import { rotateKeys } from '../sync/rotate-keys.ts';
import { commandActor } from './actor.ts';
import { help, type AddCommand } from './cli-types.ts';
import { exitCodes } from './exit.ts';
import { say, sayJson } from './io.ts';
import { withRuntime } from './session.ts';

export const addKeys: AddCommand = (program, { action }) => {
  const keys = program
    .command('keys')
    .description('the encryption keys')
    .helpCommand(false)
    .addHelpText('after', help(['sluice keys rotate'], ['usage']));
  keys
    .command('rotate')
    .description('encrypt everything that is stored with the first key of SLUICE_ENCRYPTION_KEYS')
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      help(['SLUICE_ENCRYPTION_KEYS=new:…,old:… sluice keys rotate'], ['done', 'failed', 'usage']) +
        '\nPut the new key in front of the old one, restart every process, rotate, then take the old one out.\n',
    )
    .action(
      action(async (_args, options) =>
        withRuntime({}, async (runtime) => {
          const details = { key: runtime.vault.primaryKeyId };
          const entry = { actor: commandActor(), action: 'keys.rotate', details };
          const result = await audited(runtime.db, entry, async (note) => {
            const counts = await rotateKeys(runtime.db, runtime.vault);
            note({ details: { ...counts } });
            return counts;
          });
          if (options.json === true) sayJson({ key: runtime.vault.primaryKeyId, ...result });
          else
            say(
              `Encrypted ${result.credentials} credentials, ${result.grants} grants and ${result.tokens} tokens with the key ${runtime.vault.primaryKeyId}; ${result.current} were already.`,
            );
          return exitCodes.done;
        }),
      ),
    );
};
