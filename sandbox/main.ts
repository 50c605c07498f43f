/**
 * The sandbox as a process of its own: `node dist/sandbox/main.js --provider lucca --port 4010 --records 1000`.
 * It prints one line of JSON with all addresses when it is ready, and ends on SIGTERM or SIGINT.
 */

import { parseArgs } from 'node:util';

import { describe } from './control.ts';
import { PROVIDER_IDS, startSandbox } from './index.ts';
import type { ProviderId, SandboxOptions } from './index.ts';

const USAGE = `usage: main.js [--provider ID]… [--port N] [--control-port N] [--records N] [--seed N]
  --provider      ${PROVIDER_IDS.join(', ')} [default: all]
  --port          of the first provider, the next ones count up from it [default: free ones]
  --control-port  of the control server [default: a free one]
  --records       size of the data [default: each provider's own]
  --seed          of the data [default: 1]`;

function integer(name: string, text: string | undefined, max: number): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text) || Number(text) > max)
    throw new Error(`--${name} must be an integer from 0 to ${max}`);
  return Number(text);
}

function readOptions(): SandboxOptions<ProviderId> {
  const { values } = parseArgs({
    options: {
      provider: { type: 'string', multiple: true },
      port: { type: 'string' },
      'control-port': { type: 'string' },
      records: { type: 'string' },
      seed: { type: 'string' },
    },
  });
  const providers = values.provider ?? PROVIDER_IDS;
  for (const id of providers) {
    if (!(PROVIDER_IDS as readonly string[]).includes(id)) throw new Error(`there is no provider '${id}'`);
  }
  const ids = providers as readonly ProviderId[];
  const port = integer('port', values.port, 65_000);
  const records = integer('records', values.records, 10_000_000);
  const seed = integer('seed', values.seed, 999_999_999);
  const ports = ids.map((id, place) => [id, { port: port === undefined || port === 0 ? 0 : port + place }]);
  return {
    ...(Object.fromEntries(ports) as Record<ProviderId, { port: number }>),
    providers: ids,
    controlPort: integer('control-port', values['control-port'], 65_535) ?? 0,
    ...(records === undefined ? {} : { records }),
    ...(seed === undefined ? {} : { seed }),
  };
}

let options: SandboxOptions<ProviderId>;
try {
  options = readOptions();
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n${USAGE}\n`);
  process.exit(2);
}

try {
  const sandbox = await startSandbox(options);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void sandbox.close());
  const providers = Object.values(sandbox.providers).map(describe);
  process.stdout.write(`${JSON.stringify({ control: sandbox.control, providers })}\n`);
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
}
