/** `sluice notify test`: whether notifications arrive. */
import { SluiceError } from '../errors.ts';
import { createGuardedFetch } from '../net/fetch.ts';
import { audited } from '../store/audit.ts';
import type { Runtime } from '../runtime.ts';
import { sendTest } from '../webhooks/notify.ts';
import { commandActor } from './actor.ts';
import { help, type AddCommand } from './cli-types.ts';
import { exitCodes } from './exit.ts';
import { say, sayJson } from './io.ts';
import { readEnvironment, withRuntime } from './session.ts';

export const addNotify: AddCommand = (program, { action }) => {
  const notify = program.command('notify').description('notifications to SLUICE_NOTIFY_URL');
  notify
    .command('test')
    .description('send a signed test notification now, and say how it was answered')
    .option('--json', 'print one JSON document')
    .addHelpText('after', help(['sluice notify test'], ['done', 'failed', 'usage']))
    .action(
      action(async (_args, options) => {
        // without an address nothing can be sent, and no database is needed to say so
        const { notifyUrl: url, notifySecret: key } = readEnvironment('command');
        if (url === undefined || key === undefined)
          throw new SluiceError('notify_not_configured', 'No address for notifications is set.');
        return withRuntime({}, async (runtime) => {
          const { id, status, error } = await auditedTest(runtime, url, key);
          if (options.json === true) sayJson({ id, ok: error === null, status, error });
          else if (error === null) say(`${id} was taken with ${status}.`);
          else say(`${id} was not taken: ${error.message}\n  fix: ${error.advice}`);
          return error === null ? exitCodes.done : exitCodes.failed;
        });
      }),
    );
};

function auditedTest({ db, logger, now }: Runtime, url: string, key: Buffer): ReturnType<typeof sendTest> {
  return audited(db, { actor: commandActor(), action: 'notification.test' }, async (note) => {
    const net = createGuardedFetch({ allowLoopback: true, allowHosts: [new URL(url).hostname] });
    try {
      const sent = await sendTest(
        { fetch: net.fetch, url, key, logger, now },
        { message: 'A test of `sluice notify test`.' },
      );
      const { id: subject, status, error } = sent;
      note({
        subject,
        details: { ok: error === null, status, ...(error === null ? {} : { code: error.code }) },
      });
      return sent;
    } finally {
      await net.close();
    }
  });
}
