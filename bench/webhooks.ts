/**
 * `webhooks`: what the intake gets through and how long a sender waits, as `sluice web` processes, with bare servers that do
 * no more than the HMAC and the same insert beside them; and what strangers with wrong signatures do to it.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import pg from 'pg';
import { loadEnvironment, parseConnection } from '../src/config/index.ts';
import { findProvider } from '../src/providers/registry.ts';
import { openRuntime } from '../src/runtime.ts';
import { applyConnections } from '../src/sync/apply.ts';
import { createLogger } from '../src/telemetry/logger.ts';
import type { Bench, BenchContext } from './contract.ts';
import { median } from './rounds.ts';
import { startServers } from './servers.ts';
import {
  CONNECTIONS,
  FLOOD_CONNECTIONS,
  FLOOD_RATE,
  OPEN_RATE,
  printWebhooks,
  SIDES,
  type ClosedFigures,
  type FloodFigures,
  type OpenFigures,
  type Side,
  type WebhookFigures,
} from './webhook-figures.ts';
import type { LoadOrder, LoadReport } from './webhook-load.ts';
import { startFloor, startSender, startWeb, type Answering, type Sender } from './webhook-servers.ts';

const ROUNDS = 3;
const SECONDS = 4;
const FLOOD_SECONDS = 20;
const SIZES = [1_000, 20_000];

export const webhooks: Bench<WebhookFigures> = {
  async run(context) {
    const before = loadavg()[0] ?? Number.NaN;
    context.progress('starting servers');
    const servers = await startServers();
    const pool = new pg.Pool({ connectionString: servers.postgresUrl, max: 1 });
    const answering: Answering[] = [];
    const senders: Sender[] = [];
    try {
      await pool.query('create table floor_events (like sluice.webhook_events including all)');
      const secret = randomBytes(32).toString('base64url');
      const env = {
        DATABASE_URL: servers.postgresUrl,
        SLUICE_ENCRYPTION_KEYS: `bench:${randomBytes(32).toString('base64')}`,
        LOG_LEVEL: 'error',
      };
      await connect(env, secret);
      const up = async (starting: Promise<Answering>): Promise<Answering> => {
        const one = await starting;
        answering.push(one);
        return one;
      };
      const place = { databaseUrl: servers.postgresUrl, secret };
      const two = async (start: () => Promise<Answering>): Promise<Answering[]> => [
        await up(start()),
        await up(start()),
      ];
      const sides: Record<Side, readonly Answering[]> = {
        ours: await two(() => startWeb(env)),
        floor: await two(() => startFloor({ ...place, grouped: false })),
        groupedFloor: await two(() => startFloor({ ...place, grouped: true })),
      };
      for (let made = 0; made < 2; made += 1) senders.push(await startSender());
      const [sender, stranger] = senders as [Sender, Sender];
      const otherAnswers: Record<string, number> = {};
      const measure: Measure = async (side, processes, order) => {
        context.signal.throwIfAborted();
        await pool.query('truncate sluice.webhook_events, floor_events');
        await pool.query('checkpoint');
        const urls = sides[side].slice(0, processes).map(({ url }) => url);
        const report = await sender.send({ urls, secret, connections: CONNECTIONS, ...order });
        for (const [status, times] of Object.entries(report.answers))
          if (status !== '200') otherAnswers[status] = (otherAnswers[status] ?? 0) + times;
        return report;
      };
      const closed: ClosedFigures[] = [];
      const open: OpenFigures[] = [];
      for (const processes of [1, 2]) {
        for (const bytes of SIZES) {
          closed.push(await measureClosed(context, measure, processes, bytes));
          open.push(await measureOpen(context, measure, processes, bytes));
        }
      }
      const flood = await measureFlood(context, measure, stranger, sides.ours[0] as Answering);
      return { closed, open, flood, otherAnswers, load: [before, loadavg()[0] ?? Number.NaN] };
    } finally {
      await Promise.all([...senders, ...answering].map((one) => one.close()));
      await pool.end();
      await servers.close();
    }
  },
  print: printWebhooks,
};

type Measure = (
  side: Side,
  processes: number,
  order: Pick<LoadOrder, 'bytes' | 'seconds' | 'rate'>,
) => Promise<LoadReport>;

async function connect(env: Readonly<Record<string, string>>, webhookSecret: string): Promise<void> {
  const runtime = await openRuntime(loadEnvironment(env, { role: 'command', cwd: process.cwd() }), {
    logger: createLogger({ level: 'error' }),
    workers: false,
  });
  try {
    const { connection, problems } = parseConnection('bench', {
      provider: 'lucca',
      settings: { host: 'bench.ilucca.net' },
      credentials: { clientId: 'bench', clientSecret: 'bench', webhookSecret },
      schedule: 'manual',
      streams: ['employees'],
    });
    if (connection === undefined) throw new Error(JSON.stringify(problems));
    const options = { prune: false, dryRun: false, now: new Date() };
    const { db, vault } = runtime;
    await applyConnections({ db, vault, findProvider }, [connection], options);
  } finally {
    await runtime.close();
  }
}

/** Rounds of all sides, each beginning with another one; the first isn't counted. */
async function byTurns(
  { progress }: BenchContext,
  what: string,
  measure: (side: Side) => Promise<LoadReport>,
): Promise<Record<Side, LoadReport>[]> {
  const rounds: Record<Side, LoadReport>[] = [];
  for (let round = 0; round <= ROUNDS; round += 1) {
    progress(`${what}, ${round === 0 ? 'warming up' : `round ${round} of ${ROUNDS}`}`);
    const reports: Partial<Record<Side, LoadReport>> = {};
    for (let turn = 0; turn < SIDES.length; turn += 1) {
      const side = SIDES[(round + turn) % SIDES.length] ?? 'ours';
      reports[side] = await measure(side);
    }
    if (round > 0) rounds.push(reports as Record<Side, LoadReport>);
  }
  return rounds;
}

async function measureClosed(
  context: BenchContext,
  measure: Measure,
  processes: number,
  bytes: number,
): Promise<ClosedFigures> {
  const what = `closed loop, ${bytes} bytes, ${processes} processes`;
  const rounds = await byTurns(context, what, (side) =>
    measure(side, processes, { bytes, seconds: SECONDS }),
  );
  const of = (report: LoadReport): number => (report.answers[200] ?? 0) / report.seconds;
  const middle = (side: Side): number => median(rounds.map((round) => of(round[side])));
  return {
    bytes,
    processes,
    perSecond: { ours: middle('ours'), floor: middle('floor'), groupedFloor: middle('groupedFloor') },
    toFloor: median(rounds.map(({ ours, floor }) => of(ours) / of(floor))),
    toGroupedFloor: median(rounds.map(({ ours, groupedFloor }) => of(ours) / of(groupedFloor))),
  };
}

async function measureOpen(
  context: BenchContext,
  measure: Measure,
  processes: number,
  bytes: number,
): Promise<OpenFigures> {
  const what = `open loop, ${OPEN_RATE} a second, ${bytes} bytes, ${processes} processes`;
  const order = { bytes, seconds: SECONDS, rate: OPEN_RATE };
  const rounds = await byTurns(context, what, (side) => measure(side, processes, order));
  const middle = (side: Side): LoadReport => {
    const sorted = rounds.map((round) => round[side]).sort((a, b) => a.p99 - b.p99);
    return sorted[sorted.length >> 1] as LoadReport;
  };
  return {
    bytes,
    processes,
    times: { ours: middle('ours'), floor: middle('floor'), groupedFloor: middle('groupedFloor') },
  };
}

async function measureFlood(
  { progress }: BenchContext,
  measure: Measure,
  stranger: Sender,
  web: Answering,
): Promise<FloodFigures> {
  const order = { bytes: 1_000, seconds: FLOOD_SECONDS, rate: FLOOD_RATE };
  progress(`${FLOOD_RATE} genuine ones a second, alone`);
  const alone = await measure('ours', 1, order);
  progress('the same beside a flood of wrong signatures');
  const idle = residentMib(web.pid);
  const seen: number[] = [];
  const look = setInterval(() => seen.push(residentMib(web.pid)), 250);
  const guessing = { urls: [web.url], secret: 'guessed', bytes: 20_000, connections: FLOOD_CONNECTIONS };
  const flooding = stranger.send({ ...guessing, seconds: FLOOD_SECONDS });
  const beside = await measure('ours', 1, order);
  const { answers, seconds } = await flooding;
  clearInterval(look);
  const half = seen.length >> 1;
  return {
    alone,
    beside,
    refusedPerSecond: (answers[401] ?? 0) / seconds,
    mib: [idle, Math.max(...seen.slice(0, half)), Math.max(...seen.slice(half))],
  };
}

/** NaN where there is no /proc. */
function residentMib(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
  } catch {
    return Number.NaN;
  }
}
