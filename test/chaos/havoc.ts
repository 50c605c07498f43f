/** What is done to the fleet: kills, frozen workers, restarted and emptied servers, providers that fail. */
import { setTimeout as sleep } from 'node:timers/promises';
import { waitFor } from '../support/wait.ts';
import type { Blow, Findings, HavocCounts } from './contract.ts';
import { WORKERS, type ChaosFleet } from './fleet.ts';
import type { ChaosProcess } from './processes.ts';
import type { Random } from './random.ts';

/** A frozen worker must wake after its lease (15 s) and its jobs' locks have been given to others. */
const FREEZE_MS = 20_000;
/** how long a victim with work in hand is looked for, in milliseconds */
const LOOK_MS = 15_000;
/** Each page takes so long, so that a run lasts long enough to be hit, in milliseconds. */
const PAGE_MS = 40;
const DATA_PATHS = { lucca: '/lucca-api/*', floriday: '/suppliers-api*' } as const;
/** kills in which each blow comes once, and a kill of the web process */
const DECK = 10;

export function noHavoc(): HavocCounts {
  return {
    kills: 0,
    killsWithWork: 0,
    streamsHit: 0,
    webKills: 0,
    webhooksHit: 0,
    blows: {
      postgres: 0,
      'redis-restart': 0,
      'redis-flush': 0,
      freeze: 0,
      'provider-errors': 0,
      'provider-cuts': 0,
    },
    tokenAllowance: { lucca: 0, floriday: 0 },
  };
}

export interface HavocOptions {
  readonly kills: number;
  /** no new kill after that, by `performance.now()` */
  readonly until: number;
  readonly signal: AbortSignal;
  readonly progress: (line: string) => void;
}

/** Kills until there were enough; everything lives and answers when it resolves. */
export async function wreakHavoc(
  fleet: ChaosFleet,
  random: Random,
  counts: HavocCounts,
  findings: Findings,
  options: HavocOptions,
): Promise<void> {
  await slowPages(fleet);
  const frozen = new Set<Promise<void>>();
  let deck: Plan[] = [];
  for (let kill = 1; kill <= options.kills; kill += 1) {
    if (options.signal.aborted || performance.now() > options.until) break;
    if (deck.length === 0) deck = dealt(fleet, random);
    const plan = deck.shift() ?? { blows: [], web: false };
    await sleep(random.between(500, 4_000));
    await replaceTheDead(fleet, findings);
    for (const blow of plan.blows) {
      counts.blows[blow] += 1;
      if (blow !== 'freeze') await strike(fleet, random, counts, blow);
      else {
        const thawing = freeze(fleet, random, counts);
        frozen.add(thawing);
        void thawing.finally(() => frozen.delete(thawing));
      }
    }
    const hit = plan.web ? await killWeb(fleet, counts) : await killWorker(fleet, random, counts);
    const also = plan.blows.length === 0 ? '' : `, after: ${plan.blows.join(', ')}`;
    options.progress(`${fleet.backend}: kill ${kill} of ${options.kills}: ${hit}${also}`);
  }
  await Promise.all(frozen);
  await fleet.control('lucca', 'clear-faults');
  await fleet.control('floriday', 'clear-faults');
  await replaceTheDead(fleet, findings);
}

interface Plan {
  readonly blows: Blow[];
  readonly web: boolean;
}

/** Each blow once in ten kills, at random places: a short run meets all of them too. */
function dealt(fleet: ChaosFleet, random: Random): Plan[] {
  const blows: Blow[] = ['postgres', 'freeze', 'provider-errors', 'provider-cuts'];
  if (fleet.redis !== undefined) blows.push('redis-restart', 'redis-flush');
  const plans = Array.from({ length: DECK }, (_, at): Plan => ({ blows: [], web: at === 0 }));
  for (const blow of blows) random.pick(plans).blows.push(blow);
  return random.shuffle(plans);
}

async function killWorker(fleet: ChaosFleet, random: Random, counts: HavocCounts): Promise<string> {
  const victim = await chooseVictim(fleet, random);
  await victim.end('SIGKILL');
  counts.kills += 1;
  // A dead process gives nothing back: what stands under its name now is what it had in hand.
  const held = (await holdings(fleet)).filter(({ owner }) => isOf(owner, victim));
  if (held.length > 0) counts.killsWithWork += 1;
  counts.streamsHit += held.length;
  counts.tokenAllowance.lucca += luccaRuns(held);
  counts.tokenAllowance.floriday += 1;
  fleet.workers.splice(fleet.workers.indexOf(victim), 1, await fleet.startWorker());
  return `a worker with ${held.length} stream${held.length === 1 ? '' : 's'} in hand`;
}

async function killWeb(fleet: ChaosFleet, counts: HavocCounts): Promise<string> {
  const { deliveries } = fleet;
  await waitFor(() => (deliveries.underWay > 0 ? true : undefined), LOOK_MS).catch(() => undefined);
  const hit = deliveries.underWay;
  await fleet.web.current.end('SIGKILL');
  counts.kills += 1;
  counts.webKills += 1;
  counts.webhooksHit += hit;
  if (hit > 0) counts.killsWithWork += 1;
  fleet.web.current = await fleet.startWeb();
  return `the web process with ${hit} webhook${hit === 1 ? '' : 's'} unanswered`;
}

async function chooseVictim(fleet: ChaosFleet, random: Random): Promise<ChaosProcess> {
  const started = performance.now();
  for (;;) {
    const awake = fleet.workers.filter((worker) => worker.isAlive() && !worker.frozen);
    const held = await holdings(fleet);
    const busy = awake.filter((worker) => held.some(({ owner }) => isOf(owner, worker)));
    if (busy.length > 0) return random.pick(busy);
    if (performance.now() - started > LOOK_MS && awake.length > 0) return random.pick(awake);
    await sleep(20);
  }
}

interface Holding {
  readonly connection_id: string;
  readonly run_id: string;
  readonly owner: string;
}

/** The streams that are being worked on, asked until Postgres answers. */
async function holdings(fleet: ChaosFleet): Promise<Holding[]> {
  return waitFor(
    () =>
      fleet.runtime.db.pool
        .query<Holding>(
          `select connection_id, run_id, owner from sluice.stream_leases
            where run_id is not null and owner is not null and expires_at > now()`,
        )
        .then(({ rows }) => rows)
        .catch(() => undefined),
    120_000,
    () => 'Postgres did not come back',
  );
}

function isOf(owner: string, worker: ChaosProcess): boolean {
  return owner.includes(`.${worker.pid}.`);
}

function luccaRuns(held: readonly Holding[]): number {
  const ids = held.filter(({ connection_id }) => connection_id.startsWith('lucca-'));
  return new Set(ids.map(({ run_id }) => run_id)).size;
}

async function freeze(fleet: ChaosFleet, random: Random, counts: HavocCounts): Promise<void> {
  const victim = await chooseVictim(fleet, random);
  victim.frozen = true;
  victim.signal('SIGSTOP');
  // the request for a token that it had under way is made by somebody else
  counts.tokenAllowance.lucca += luccaRuns(
    (await holdings(fleet)).filter(({ owner }) => isOf(owner, victim)),
  );
  counts.tokenAllowance.floriday += 1;
  await sleep(FREEZE_MS);
  victim.signal('SIGCONT');
  victim.frozen = false;
}

async function strike(
  fleet: ChaosFleet,
  random: Random,
  counts: HavocCounts,
  blow: Exclude<Blow, 'freeze'>,
): Promise<void> {
  if (blow === 'provider-errors' || blow === 'provider-cuts') return failProvider(fleet, random, blow);
  // Without the shared cache each process asks for itself, once for each run of Lucca's.
  counts.tokenAllowance.lucca += WORKERS * luccaConnections(fleet);
  counts.tokenAllowance.floriday += WORKERS;
  if (blow === 'postgres') {
    // fast, immediate, and a crash
    process.kill(fleet.postgresPid(), random.pick(['SIGINT', 'SIGQUIT', 'SIGKILL'] as const));
    await sleep(200);
    await holdings(fleet);
  } else if (blow === 'redis-flush') await fleet.redis?.command('FLUSHALL');
  else {
    await fleet.redis?.kill();
    await sleep(random.between(0, 3_000));
    await fleet.redis?.restart();
  }
}

function luccaConnections(fleet: ChaosFleet): number {
  return fleet.connections.filter(({ provider }) => provider === 'lucca').length;
}

async function failProvider(fleet: ChaosFleet, random: Random, blow: Blow): Promise<void> {
  const provider = random.pick(['lucca', 'floriday'] as const);
  await fleet.control(provider, 'clear-faults');
  const scope = { path: DATA_PATHS[provider], times: 30 };
  const fault =
    blow === 'provider-errors'
      ? { kind: 'status', status: random.pick([500, 502, 503]) }
      : { kind: 'reset', when: random.pick(['before-headers', 'in-body']) };
  await fleet.control(provider, 'faults', { ...fault, ...scope });
  // the oldest fault that matches is used: this one goes on when the burst is over
  await slowPages(fleet, provider);
}

async function slowPages(fleet: ChaosFleet, only?: keyof typeof DATA_PATHS): Promise<void> {
  for (const provider of ['lucca', 'floriday'] as const) {
    if (only !== undefined && provider !== only) continue;
    const slow = { kind: 'slow', path: DATA_PATHS[provider], delayMs: PAGE_MS, times: 1_000_000_000 };
    await fleet.control(provider, 'faults', slow);
  }
}

/** A process that ended without having been killed is a finding, and is replaced so that the others can be looked at. */
async function replaceTheDead(fleet: ChaosFleet, findings: Findings): Promise<void> {
  for (const worker of fleet.workers.slice()) {
    if (worker.isAlive()) continue;
    findings.other.push(`a worker ended by itself: ${worker.logFile}`);
    fleet.workers.splice(fleet.workers.indexOf(worker), 1, await fleet.startWorker());
  }
  if (fleet.web.current.isAlive()) return;
  findings.other.push(`the web process ended by itself: ${fleet.web.current.logFile}`);
  fleet.web.current = await fleet.startWeb();
}
