/** `npm run bench -- NAME [--records N] [--json]`: measures on this machine, on servers of its own, and prints figures. */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import type { Bench, BenchContext } from './contract.ts';
import { changes } from './changes.ts';
import { memory } from './memory.ts';
import { queue } from './queue.ts';
import { sync } from './sync.ts';
import { tokens } from './tokens.ts';
import { webhooks } from './webhooks.ts';

const benches = {
  changes: measured(changes),
  queue: measured(queue),
  sync: measured(sync),
  memory: measured(memory),
  tokens: measured(tokens),
  webhooks: measured(webhooks),
};

const { values, positionals } = parseArgs({
  options: { json: { type: 'boolean', default: false }, records: { type: 'string' } },
  allowPositionals: true,
});
const name = positionals[0];
const records = values.records === undefined ? undefined : Number(values.records);
const isCount = records === undefined || (Number.isSafeInteger(records) && records >= 1000);
if (name === undefined || positionals.length > 1 || !Object.hasOwn(benches, name) || !isCount) {
  process.stderr.write(
    `usage: npm run bench -- NAME [--records N] [--json]; NAME is one of: ${Object.keys(benches).join(', ')}; N is 1000 or more\n`,
  );
  process.exit(2);
}

const stop = new AbortController();
// The servers must be closed: a first Ctrl-C ends the measuring at the next round.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());

const started = performance.now();
const { figures, lines } = await benches[name as keyof typeof benches]({
  signal: stop.signal,
  records,
  progress: (step) => void process.stderr.write(`${step}\n`),
});
const machine = { node: process.version, cpu: cpus()[0]?.model.trim() ?? 'unknown', cores: cpus().length };
const seconds = Math.round((performance.now() - started) / 1000);
if (values.json) {
  process.stdout.write(`${JSON.stringify({ bench: name, machine, seconds, ...figures }, null, 2)}\n`);
} else {
  const where = `on this machine: ${machine.cpu}, ${machine.cores} cores, Node ${machine.node}; took ${seconds} s`;
  process.stdout.write(`\n${[...lines, '', where].join('\n')}\n`);
}

/** A bench with its figures and the lines about them, whatever their type. */
function measured<Figures extends object>(bench: Bench<Figures>) {
  return async (context: BenchContext): Promise<{ figures: object; lines: readonly string[] }> => {
    const figures = await bench.run(context);
    return { figures, lines: bench.print(figures) };
  };
}
