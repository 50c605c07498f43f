/** `npm run chaos -- [--kills N] [--seed N] [--backend B] [--minutes N] [--json]`: kills a fleet at work, and looks for what that broke. */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { hasRedisServer } from '../support/redis.ts';
import { checkAll, type Figures } from './checks.ts';
import type { Backend, Findings, HavocCounts } from './contract.ts';
import { CONCURRENCY, startChaosFleet, WORKERS, type ChaosFleet } from './fleet.ts';
import { noHavoc, wreakHavoc } from './havoc.ts';
import { createLoads } from './load.ts';
import { createRandom } from './random.ts';
import { settle } from './settle.ts';

const USAGE = `usage: npm run chaos -- [--kills N] [--backend postgres|redis|both] [--minutes N] [--seed N] [--json] [--keep]
  --kills    on each backend [default: 200]
  --backend  [default: both, or postgres where no redis-server is on the PATH]
  --minutes  no kill after so many minutes on a backend [default: as long as it takes]
  --seed     of the blows and of the data [default: a random one, which the report names]
  --json     the report as JSON
  --keep     keep the logs; those of a run that found something are kept anyway
`;
const RECORDS = 300;

interface Report {
  readonly backend: Backend;
  readonly seconds: number;
  readonly havoc: HavocCounts;
  readonly load: Readonly<Record<string, number>>;
  readonly figures: Figures;
  readonly findings: Findings;
  /** where they are kept */
  readonly logs: string | undefined;
}

interface Options {
  readonly kills: number;
  readonly seed: number;
  readonly minutes: number;
  readonly keep: boolean;
  readonly signal: AbortSignal;
}

const tell = (line: string): void => void process.stderr.write(`${line}\n`);

function readOptions(): Omit<Options, 'signal'> & { backends: Backend[]; json: boolean } {
  const { values } = parseArgs({
    options: {
      kills: { type: 'string', default: '200' },
      seed: { type: 'string' },
      backend: { type: 'string' },
      minutes: { type: 'string' },
      json: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
    },
  });
  const backend = values.backend ?? (hasRedisServer() ? 'both' : 'postgres');
  if (!['postgres', 'redis', 'both'].includes(backend)) throw new Error(`there is no backend '${backend}'`);
  if (backend !== 'postgres' && !hasRedisServer()) throw new Error('there is no redis-server on the PATH');
  return {
    kills: whole('kills', values.kills, 1),
    seed: values.seed === undefined ? Math.floor(Math.random() * 1e9) : whole('seed', values.seed, 0),
    minutes: values.minutes === undefined ? Infinity : whole('minutes', values.minutes, 1),
    backends: backend === 'both' ? ['postgres', 'redis'] : [backend as Backend],
    json: values.json,
    keep: values.keep,
  };
}

function whole(name: string, text: string, least: number): number {
  if (!/^\d{1,9}$/.test(text) || Number(text) < least)
    throw new Error(`--${name} must be an integer of ${least} or more`);
  return Number(text);
}

async function chaos(backend: Backend, options: Options): Promise<Report> {
  const { kills, seed, minutes, keep, signal } = options;
  tell(
    `${backend}: starting servers, simulated providers, ${WORKERS} workers and a web process; seed ${seed}`,
  );
  const fleet = await startChaosFleet({ backend, seed, records: RECORDS });
  const findings: Findings = { lost: [], doubled: [], stuck: [], other: [] };
  let isKept = keep;
  try {
    const started = performance.now();
    const elapsed = (): number => (performance.now() - started) / 1000;
    const havoc = noHavoc();
    const load = await underLoad(fleet, seed, () =>
      wreakHavoc(fleet, createRandom(seed), havoc, findings, {
        kills,
        until: started + minutes * 60_000,
        signal,
        progress: (line) => tell(`${line} (${Math.round(elapsed())} s)`),
      }),
    );
    tell(`${backend}: quiet; each connection is read until two passes succeeded`);
    await settle(fleet, findings);
    tell(`${backend}: comparing`);
    const figures = await checkAll(fleet, havoc, elapsed(), findings);
    isKept ||= count(findings) > 0;
    const logs = isKept ? fleet.folder : undefined;
    return { backend, seconds: Math.round(elapsed()), havoc, load, figures, findings, logs };
  } catch (error) {
    isKept = true;
    tell(`${backend}: the logs are in ${fleet.folder}`);
    throw error;
  } finally {
    await fleet.close({ keepLogs: isKept });
  }
}

/** Runs `work` while every load is on; returns the loads' figures. */
async function underLoad(
  fleet: ChaosFleet,
  seed: number,
  work: () => Promise<void>,
): Promise<Record<string, number>> {
  const over = new AbortController();
  const loads = createLoads();
  // A load that fails ends the run: nothing would be shown by havoc without it.
  const running = loads.map((load, at) => load.run(fleet, createRandom(seed + at + 1), over.signal));
  try {
    await Promise.race([
      work(),
      Promise.all(running).then(() => Promise.reject(new Error('the load ended'))),
    ]);
  } finally {
    over.abort();
    await Promise.allSettled(running);
  }
  return Object.assign({}, ...loads.map((load) => load.counts())) as Record<string, number>;
}

function count({ lost, doubled, stuck, other }: Findings): number {
  return lost.length + doubled.length + stuck.length + other.length;
}

function print(report: Report): string {
  const { backend, seconds, havoc, load, figures, findings } = report;
  const share = havoc.kills === 0 ? 0 : Math.round((100 * havoc.killsWithWork) / havoc.kills);
  const blows = Object.entries(havoc.blows).filter(([, times]) => times > 0);
  const tokens = Object.entries(figures.tokenRequests);
  const listed = (['lost', 'doubled', 'stuck', 'other'] as const).flatMap((kind) => [
    ...findings[kind].slice(0, 20).map((what) => `    ${kind}: ${what}`),
    ...(findings[kind].length > 20 ? [`    ${kind}: and ${findings[kind].length - 20} more`] : []),
  ]);
  return [
    `${backend}, ${seconds} s`,
    `  kills            ${havoc.kills}, ${havoc.killsWithWork} (${share} %) with work in hand: ${havoc.streamsHit} streams; ${havoc.webKills} of the web process, with ${havoc.webhooksHit} webhooks unanswered`,
    `  other blows      ${blows.map(([name, times]) => `${name} ${times}`).join(', ')}`,
    `  load             ${Object.entries(load)
      .map(([name, times]) => `${name} ${times}`)
      .join(', ')}`,
    `  runs             ${Object.entries(figures.runs)
      .map(([name, times]) => `${name} ${times}`)
      .join(', ')}; the longest ${figures.longestRunSeconds} s`,
    `  compared         ${figures.streams} streams, ${figures.records} records, ${figures.changes} changes`,
    `  webhooks         ${Object.entries(figures.webhooks)
      .map(([name, number]) => `${name} ${number}`)
      .join(', ')}`,
    `  token requests   ${tokens.map(([name, { made, bound }]) => `${name} ${made} (at most ${bound} explained)`).join(', ')}`,
    `  lost ${findings.lost.length}, doubled ${findings.doubled.length}, stuck ${findings.stuck.length}, other findings ${findings.other.length}`,
    ...listed,
    ...(report.logs === undefined ? [] : [`  logs             ${report.logs}`]),
  ].join('\n');
}

let given: ReturnType<typeof readOptions>;
try {
  given = readOptions();
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n${USAGE}`);
  process.exit(2);
}
const stop = new AbortController();
// The servers must be closed: a first Ctrl-C ends the havoc, and what was done until then is compared.
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort());

const reports: Report[] = [];
for (const backend of given.backends) {
  if (!stop.signal.aborted) reports.push(await chaos(backend, { ...given, signal: stop.signal }));
}
const machine = { node: process.version, cpu: cpus()[0]?.model.trim() ?? 'unknown', cores: cpus().length };
if (given.json) {
  const setting = { seed: given.seed, connections: 20, workers: WORKERS, concurrency: CONCURRENCY };
  process.stdout.write(`${JSON.stringify({ machine, ...setting, backends: reports }, null, 2)}\n`);
} else {
  const where = `${machine.cpu}, ${machine.cores} cores, Node ${machine.node}`;
  process.stdout.write(
    `\n${reports.map(print).join('\n\n')}\n\nseed ${given.seed}; on this machine: ${where}\n`,
  );
}
process.exitCode = reports.some(({ findings }) => count(findings) > 0) ? 1 : 0;
