/** `sluice webhooks`: endpoints at providers, registered by their API. */
import { audited } from '../store/audit.ts';
import type { EndpointView, RegistrationContext } from '../webhooks/endpoints.ts';
import { inspectWebhooks } from '../webhooks/inspect.ts';
import { registerWebhooks } from '../webhooks/register.ts';
import { commandActor } from './actor.ts';
import { help, type AddCommand } from './cli-types.ts';
import { exitCodes, type ExitCode } from './exit.ts';
import { ago, note, paintStatus, say, sayJson, table } from './io.ts';
import { knownConnection } from './known.ts';
import { withRuntime } from './session.ts';

export const addWebhooks: AddCommand = (program, { action }) => {
  const webhooks = program.command('webhooks').description('endpoints that providers send webhooks to');

  webhooks
    .command('register')
    .argument('<id>', 'connection')
    .description('register an endpoint at the provider, where it is missing, moved or down')
    .option('--renew', 'also where it is well: with a new secret')
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      help(['sluice webhooks register acme-hr'], ['done', 'failed', 'usage', 'notFound', 'person']) +
        'The provider must reach PUBLIC_URL. A secret that it gives is stored encrypted, and shown to nobody.\n',
    )
    .action(
      action(async ([id = ''], options) =>
        withEndpoints(id, options, (context) => {
          const renew = options.renew === true;
          const actor = commandActor();
          const entry = { actor, action: 'webhooks.register', connection: id, details: { renew } };
          return audited(context.db, entry, () => registerWebhooks(context, id, { renew }));
        }),
      ),
    );

  webhooks
    .command('status')
    .argument('<id>', 'connection')
    .description('the endpoints of a connection, as the provider sees them')
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      help(['sluice webhooks status acme-hr'], ['done', 'failed', 'usage', 'notFound', 'person']),
    )
    .action(
      action(async ([id = ''], options) =>
        withEndpoints(id, options, (context) => inspectWebhooks(context, id)),
      ),
    );
};

async function withEndpoints(
  id: string,
  options: Readonly<Record<string, unknown>>,
  work: (context: RegistrationContext) => Promise<readonly EndpointView[]>,
): Promise<ExitCode> {
  return withRuntime({}, async (runtime) => {
    await knownConnection(runtime, id);
    const data = await work(runtime.registration);
    if (options.json === true) sayJson({ data });
    else printEndpoints(id, data, runtime.now());
    return data.some(({ error }) => error !== null) ? exitCodes.person : exitCodes.done;
  });
}

function printEndpoints(id: string, endpoints: readonly EndpointView[], now: number): void {
  if (endpoints.length === 0) {
    note(`No endpoint is registered. Register one: sluice webhooks register ${id}`);
    return;
  }
  say(
    table(
      ['URL', 'PLACE', 'STATE', 'REGISTERED', 'CHECKED'],
      endpoints.map((endpoint) => [
        endpoint.url,
        endpoint.place === '' ? '-' : endpoint.place,
        paintStatus(endpoint.state),
        ago(endpoint.registeredAt, now),
        ago(endpoint.checkedAt, now),
      ]),
    ),
  );
  for (const { error } of endpoints) {
    if (error === null) continue;
    say(`${error.message} (${error.code})`);
    say(`  fix: ${error.advice}`);
  }
}
