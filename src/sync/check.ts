/** Whether a connection works now: a token, then the provider's cheapest documented call. */
import { randomUUID } from 'node:crypto';
import type { TokenService } from '../auth/contract.ts';
import { missingScopes } from '../auth/scopes.ts';
import { missingAdvice } from '../auth/token-view.ts';
import { needsToken, noRequests, tokenSubject, type Outbound } from '../outbound/client.ts';
import type { ResolvedConnection } from '../providers/connection.ts';
import { unparkConnection } from '../store/connections.ts';
import type { Db } from '../store/db.ts';
import type { LoadConnection } from './load-connection.ts';
import { firstRun, timetableOf } from './schedule.ts';
import { tokenStatusOf } from './token-status.ts';

export interface CheckStep {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

export interface CheckResult {
  readonly steps: readonly CheckStep[];
  /** true where the connection waited for a person, and is active again because it works */
  readonly cleared: boolean;
  readonly error?: unknown;
}

export interface CheckContext {
  readonly db: Db;
  readonly tokens: TokenService;
  readonly outbound: Outbound;
  readonly loadConnection: LoadConnection;
  readonly now: () => number;
}

async function tokenDetail(
  { tokens, now }: CheckContext,
  connection: ResolvedConnection,
  flow: string,
): Promise<string> {
  if (!needsToken(connection)) return 'none is needed: the API key goes with each request';
  const token = await tokens.get(tokenSubject(connection), { flow, ignoreFailures: true });
  const seconds = Math.round((token.expiresAt - now()) / 1000);
  return `${token.fingerprint}, expires in ${seconds} s${withheld(connection.scopes, token.scopes)}`;
}

/**
 * Never backs off and heeds no remembered failure: whoever asks wants to know what is true now. One that waits for a person
 * is active again where it succeeds, unless `clears` is false: what is tried then isn't what is stored.
 */
export async function checkConnection(
  context: CheckContext,
  id: string,
  { clears = true }: { readonly clears?: boolean } = {},
): Promise<CheckResult> {
  const steps: CheckStep[] = [];
  const flow = randomUUID();
  let step = 'configuration';
  try {
    const connection = await context.loadConnection(id, { requireUsable: false });
    steps.push({
      name: step,
      ok: true,
      detail: `${connection.provider.title}, ${connection.streams.length} streams`,
    });
    step = 'token';
    steps.push({ name: step, ok: true, detail: await tokenDetail(context, connection, flow) });
    step = 'api';
    const { path, query } = connection.provider.check(connection.streams);
    const url = new URL(`${connection.endpoints.api ?? ''}${path}`);
    for (const [name, value] of Object.entries(query ?? {})) url.searchParams.set(name, value);
    const [stream] = connection.streams;
    const answer = await context.outbound.getJson({
      connection,
      flow,
      url: url.href,
      ...(stream === undefined ? {} : { stream }),
      counts: noRequests(),
    });
    steps.push({ name: step, ok: true, detail: `${answer.status} on ${url.pathname}` });
    if (!clears) return { steps, cleared: false };
    const next = firstRun(timetableOf(connection), new Date(context.now()));
    return { steps, cleared: await unparkConnection(context.db, id, next) };
  } catch (error) {
    steps.push({ name: step, ok: false, detail: step === 'token' ? await failingSince(context, id) : '' });
    return { steps, cleared: false, error };
  } finally {
    await context.tokens.endFlow(flow);
  }
}

/** What was asked and not granted is no failure yet: the calls that need it will be, with 403. */
function withheld(asked: readonly string[], granted: readonly string[]): string {
  const missing = missingScopes(asked, granted);
  return missing.length === 0 ? '' : `; granted without ${missing.join(', ')}. ${missingAdvice(missing)}`;
}

async function failingSince(context: CheckContext, id: string): Promise<string> {
  const status = await tokenStatusOf(context, id);
  return status?.state === 'failing' ? `failing since ${status.since ?? '-'}` : '';
}
