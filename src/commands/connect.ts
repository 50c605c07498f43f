/** `sluice connect ID`: a person gives access by a one-time link, or a refresh token is brought along. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Option } from 'commander';
import type { ConnectOutcome } from '../auth/authorization/contract.ts';
import { SluiceError } from '../errors.ts';
import type { Runtime } from '../runtime.ts';
import { audited } from '../store/audit.ts';
import { findGrant } from '../store/grants.ts';
import { livingWebUrl } from '../store/fleet.ts';
import { commandActor } from './actor.ts';
import { durationArgument } from './arguments.ts';
import { help, type AddCommand } from './cli-types.ts';
import { exitCodes, type ExitCode } from './exit.ts';
import { note, say, sayJson } from './io.ts';
import { knownConnection } from './known.ts';
import { withRuntime } from './session.ts';

const POLL_MS = 500;

export const addConnect: AddCommand = (program, { action }) => {
  program
    .command('connect')
    .argument('<id>', 'connection')
    .description('print a one-time link by which a person gives access, and wait until it is done')
    .option(
      '--refresh-token-file <file>',
      'take a refresh token from this file instead (- for standard input)',
    )
    .option('--other-account', 'with a file: take it although it belongs to another account')
    .addOption(
      new Option('--timeout <duration>', 'how long to wait')
        .default(15 * 60_000, '15m')
        .argParser(durationArgument),
    )
    .option('--json', 'print one JSON document; the link goes to standard error')
    .addHelpText(
      'after',
      help(
        ['sluice connect acme-films', 'sluice connect acme-films --refresh-token-file token.txt'],
        ['done', 'failed', 'usage', 'notFound', 'person'],
      ),
    )
    .action(
      action(async ([id = ''], options) => {
        const file = options.refreshTokenFile as string | undefined;
        const json = options.json === true;
        const token = file === undefined ? undefined : readToken(file);
        return withRuntime({}, async (runtime) => {
          await knownConnection(runtime, id);
          if (token === undefined) return connect(runtime, id, options.timeout as number, json);
          const otherAccount = options.otherAccount === true;
          const entry = { actor: commandActor(), action: 'connection.import_token', connection: id };
          const { account } = await audited(runtime.db, entry, () =>
            runtime.connector.importToken(id, token, { otherAccount }),
          );
          return done(id, account, json);
        });
      }),
    );
};

/** @throws SluiceError `usage` */
function readToken(file: string): string {
  let text: string;
  try {
    text = readFileSync(file === '-' ? 0 : file, 'utf8').trim();
  } catch (cause) {
    const name = file === '-' ? 'Standard input' : `The file ${file}`;
    throw new SluiceError('usage', `${name} can't be read.`, { cause });
  }
  if (/^[\x21-\x7e]{1,16384}$/.test(text)) return text;
  throw new SluiceError('usage', 'There is no refresh token: one line of printable characters is expected.');
}

function done(id: string, account: string | null, json: boolean): ExitCode {
  if (json) sayJson({ connection: id, connected: true, account });
  else say(`Connected ${id}${account === null ? '' : ` as ${account}`}.`);
  return exitCodes.done;
}

async function connect(runtime: Runtime, id: string, timeoutMs: number, json: boolean): Promise<ExitCode> {
  const before = (await findGrant(runtime.db.pool, id))?.epoch;
  const running = await livingWebUrl(runtime.db);
  const own = running === undefined ? await listenHere(runtime) : undefined;
  try {
    const publicUrl = running ?? own?.url ?? '';
    const entry = { actor: commandActor(), action: 'connection.connect_link', connection: id };
    const link = await audited(runtime.db, entry, () => runtime.connector.createLink(id, { publicUrl }));
    note(`Open this link within 15 minutes, in one browser, and give access at the provider:\n`);
    if (json) note(`  ${link.url}`);
    else say(`  ${link.url}`);
    note('');
    const outcome = await untilDone(runtime, id, link.id, before, timeoutMs);
    if (outcome.error === null) return done(id, outcome.account, json);
    const { code, message, advice } = outcome.error;
    throw new SluiceError(code as SluiceError['code'], message, { advice });
  } finally {
    // lets the browser have its page
    await own?.close();
  }
}

/** @throws SluiceError `connect_timeout` */
async function untilDone(
  runtime: Runtime,
  id: string,
  link: string,
  before: string | undefined,
  timeoutMs: number,
): Promise<ConnectOutcome> {
  const end = performance.now() + timeoutMs;
  let told = false;
  for (;;) {
    const grant = await findGrant(runtime.db.pool, id);
    if (grant !== undefined && grant.epoch !== before) return { account: grant.account_label, error: null };
    const outcome = await runtime.connector.outcome(link);
    // the page asks the person which account is meant: the answer comes by another link
    const choosing = outcome?.error?.code === 'connect_other_account';
    if (outcome !== undefined && !choosing) return outcome;
    if (choosing && !told) note(`${outcome?.error?.message ?? ''} The page asks what is meant.`);
    told = choosing;
    if (performance.now() > end) {
      if (outcome !== undefined) return outcome;
      throw new SluiceError('connect_timeout', 'Nobody has finished this in time.');
    }
    await sleep(POLL_MS);
  }
}

/**
 * A server on loopback for this one consent (RFC 8252 section 7.3). On the port of PUBLIC_URL where that is a loopback
 * address and the port is free, since that is the redirect URI that people register; else on any.
 */
async function listenHere(runtime: Runtime): Promise<{ url: string; close(): Promise<void> }> {
  const { createConnectApp } = await import('../web/app.ts');
  const { startServer } = await import('../web/server.ts');
  const { logger, now, connector, environment } = runtime;
  let app: ReturnType<typeof createConnectApp> | undefined;
  const wanted = loopbackPort(environment.publicUrl);
  const holder = {
    fetch: (...args: Parameters<NonNullable<typeof app>['fetch']>) =>
      app === undefined ? new Response(null, { status: 503 }) : app.fetch(...args),
  };
  const listen = (port: number) => startServer({ app: holder, host: '127.0.0.1', port });
  const server = await listen(wanted).catch((error: unknown) => {
    if (wanted !== 0 && error instanceof SluiceError && error.code === 'port_in_use') return listen(0);
    throw error;
  });
  const url = `http://127.0.0.1:${server.port}`;
  app = createConnectApp({ connector, publicUrl: url, logger, now });
  return { url, close: () => server.close() };
}

function loopbackPort(publicUrl: string | undefined): number {
  if (publicUrl === undefined) return 0;
  const { protocol, hostname, port } = new URL(publicUrl);
  return protocol === 'http:' && hostname === '127.0.0.1' ? Number(port) || 80 : 0;
}
