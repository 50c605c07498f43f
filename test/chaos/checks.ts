/** What must hold when everything is quiet again. */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { StreamDefinition } from '../../src/providers/contract.ts';
import { idOf } from '../../src/sync/validate-page.ts';
import type { Findings, HavocCounts } from './contract.ts';
import { FLORIDAY_TOKEN_SECONDS, resourceOf, streamOf, type ChaosFleet } from './fleet.ts';
import { replay } from './replay.ts';
import { checkWebhooks, type WebhookFigures } from './webhook-checks.ts';

/** A token in use is renewed two tenths of its life before its end. */
const RENEWED_AFTER = 0.8;

export interface Figures {
  readonly runs: Readonly<Record<string, number>>;
  readonly longestRunSeconds: number;
  readonly records: number;
  readonly changes: number;
  readonly streams: number;
  readonly tokenRequests: Readonly<
    Record<'lucca' | 'floriday', { readonly made: number; readonly bound: number }>
  >;
  readonly webhooks: WebhookFigures;
}

export async function checkAll(
  fleet: ChaosFleet,
  havoc: HavocCounts,
  seconds: number,
  findings: Findings,
): Promise<Figures> {
  const mirrors = await checkMirrors(fleet, findings);
  const webhooks = await checkWebhooks(fleet, findings);
  checkLogs(fleet, findings);
  const { pool } = fleet.runtime.db;
  const statuses = await pool.query<{ provider: string; status: string; runs: number; longest: number }>(
    `select split_part(connection_id, '-', 1) as provider, status, count(*)::int as runs,
            coalesce(max(extract(epoch from finished_at - created_at)), 0)::float8 as longest
       from sluice.runs group by 1, 2`,
  );
  const runs: Record<string, number> = {};
  for (const row of statuses.rows) runs[row.status] = (runs[row.status] ?? 0) + row.runs;
  const luccaRuns = statuses.rows
    .filter(({ provider }) => provider === 'lucca')
    .reduce((sum, row) => sum + row.runs, 0);
  const tokenRequests = {
    lucca: {
      made: await tokensOf(fleet, 'lucca'),
      bound: luccaRuns + havoc.tokenAllowance.lucca,
    },
    floriday: {
      made: await tokensOf(fleet, 'floriday'),
      bound:
        1 + Math.ceil(seconds / (FLORIDAY_TOKEN_SECONDS * RENEWED_AFTER)) + havoc.tokenAllowance.floriday,
    },
  };
  for (const [provider, { made, bound }] of Object.entries(tokenRequests)) {
    if (made > bound)
      findings.other.push(`${provider}: ${made} token requests, where at most ${bound} are explained`);
    if (made === 0) findings.other.push(`${provider}: no token request was counted`);
  }
  const longestRunSeconds = Math.round(Math.max(...statuses.rows.map(({ longest }) => longest)));
  return { runs, longestRunSeconds, ...mirrors, tokenRequests, webhooks };
}

async function tokensOf(fleet: ChaosFleet, provider: 'lucca' | 'floriday'): Promise<number> {
  return (await fleet.control<{ tokenRequests: number }>(provider, 'counters')).tokenRequests;
}

async function checkMirrors(
  fleet: ChaosFleet,
  findings: Findings,
): Promise<{ records: number; changes: number; streams: number }> {
  const { pool } = fleet.runtime.db;
  const sums = { records: 0, changes: 0, streams: 0 };
  const truths = new Map<string, Map<string, unknown>>();
  for (const { id, provider } of fleet.connections) {
    const streams = await pool.query<{ stream: string; last_seq: string }>(
      `select stream, last_seq from sluice.streams where connection_id = $1`,
      [id],
    );
    if (streams.rows.length === 0) findings.lost.push(`${id} has no stream at all`);
    for (const { stream, last_seq } of streams.rows) {
      const place = `${id} ${stream}`;
      const key = `${provider} ${stream}`;
      const truth = truths.get(key) ?? (await truthOf(fleet, provider, stream));
      truths.set(key, truth);
      const records = await pool.query<{ id: string; data: unknown; seq: string; deleted: boolean }>(
        `select record_id as id, data, seq, deleted_at is not null as deleted from sluice.records
          where connection_id = $1 and stream = $2`,
        [id, stream],
      );
      const changes = await pool.query<{ seq: string; op: string; id: string; previous: unknown }>(
        `select seq, op, record_id as id, previous from sluice.changes
          where connection_id = $1 and stream = $2 order by seq`,
        [id, stream],
      );
      const replayed = replay(
        changes.rows.map((row) => ({ ...row, seq: Number(row.seq), recordId: row.id })),
        records.rows.map((row) => ({ ...row, seq: Number(row.seq), recordId: row.id })),
        Number(last_seq),
      );
      findings.lost.push(...replayed.lost.map((what) => `${place}: ${what}`));
      findings.doubled.push(...replayed.doubled.map((what) => `${place}: ${what}`));
      const live = new Map(records.rows.filter(({ deleted }) => !deleted).map((row) => [row.id, row.data]));
      findings.lost.push(...differences(truth, live).map((what) => `${place}: ${what}`));
      sums.records += live.size;
      sums.changes += changes.rows.length;
      sums.streams += 1;
    }
  }
  return sums;
}

async function truthOf(
  fleet: ChaosFleet,
  provider: 'lucca' | 'floriday',
  name: string,
): Promise<Map<string, unknown>> {
  const stream = streamOf(provider, name);
  const { items } = await fleet.control<{ items: unknown[] }>(provider, 'state', {
    resource: resourceOf(stream),
  });
  return new Map(items.map((item) => [idOf(stream, item) ?? '', mirrored(stream, item)]));
}

/** Without the fields that are no data of a record. */
function mirrored(stream: StreamDefinition, item: unknown): unknown {
  const omitted: readonly string[] = stream.omit ?? [];
  return Object.fromEntries(Object.entries(item as object).filter(([field]) => !omitted.includes(field)));
}

function differences(truth: ReadonlyMap<string, unknown>, mirror: ReadonlyMap<string, unknown>): string[] {
  const found: string[] = [];
  for (const [id, body] of truth) {
    if (!mirror.has(id)) found.push(`${id} is missing`);
    else if (!isDeepStrictEqual(mirror.get(id), body)) found.push(`${id} is not what the source has`);
  }
  for (const id of mirror.keys()) if (!truth.has(id)) found.push(`${id} is no longer in the source`);
  return found;
}

/** Secrets that were configured, and anything that looks like a Floriday token (a JWT) or a bearer header. */
function checkLogs(fleet: ChaosFleet, findings: Findings): void {
  const looksSecret = /eyJ[\w-]{20,}\.[\w-]{20,}|Bearer [\w.~+/-]{20,}/;
  for (const { role, logFile } of fleet.started) {
    // its first line is for us, and names the credentials
    if (role === 'sandbox') continue;
    const log = readFileSync(logFile, 'utf8');
    if (fleet.secrets.some((secret) => log.includes(secret)) || looksSecret.test(log))
      findings.other.push(`a secret stands in ${basename(logFile)}`);
    const fatal = log
      .split('\n')
      .find((line) => line.includes('"level":"fatal"') || /^\s+at .*\(/.test(line));
    if (fatal !== undefined) findings.other.push(`${basename(logFile)}: ${fatal.trim().slice(0, 500)}`);
  }
}
