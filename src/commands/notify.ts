/** `sluice notify test`: whether notifications arrive. */
import { SluiceError } from '../errors.ts';
import { createGuardedFetch } from '../net/fetch.ts';
import { sendTest } from '../webhooks/notify.ts';
import { help, type AddCommand } from './cli-types.ts';
import { exitCodes } from './exit.ts';
import { say, sayJson } from './io.ts';
import { commandLogger, readEnvironment } from './session.ts';

export const addNotify: AddCommand = (program, { action }) => {
  const notify = program.command('notify').description('notifications to SLUICE_NOTIFY_URL');
  notify
    .command('test')
    .description('send a signed test notification now, and say how it was answered')
    .option('--json', 'print one JSON document')
    .addHelpText('after', help(['sluice notify test'], ['done', 'failed', 'usage']))
    .action(
      action(async (_args, options) => {
        const environment = readEnvironment('command');
        const { notifyUrl: url, notifySecret: key } = environment;
        if (url === undefined || key === undefined)
          throw new SluiceError('notify_not_configured', 'No address for notifications is set.');
        const net = createGuardedFetch({ allowLoopback: true, allowHosts: [new URL(url).hostname] });
        try {
          const result = await sendTest(
            { fetch: net.fetch, url, key, logger: commandLogger(environment), now: Date.now },
            { message: 'A test of `sluice notify test`.' },
          );
          const { id, status, error } = result;
          if (options.json === true) sayJson({ id, ok: error === null, status, error });
          else if (error === null) say(`${id} was taken with ${status}.`);
          else say(`${id} was not taken: ${error.message}\n  fix: ${error.advice}`);
          return error === null ? exitCodes.done : exitCodes.failed;
        } finally {
          await net.close();
        }
      }),
    );
};
