/** The connections: whether their credentials can be decrypted, and whether their providers can be reached. */
import type { Vault } from '../../auth/vault.ts';
import { SluiceError, reportOf } from '../../errors.ts';
import type { GuardedFetch } from '../../net/contract.ts';
import type { ResolvedConnection } from '../../providers/connection.ts';
import { allConnections, type ConnectionRow } from '../../store/connections.ts';
import type { Db } from '../../store/db.ts';
import { allEndpoints } from '../../store/webhook-endpoints.ts';
import { storedInput, type LoadConnection } from '../../sync/load-connection.ts';
import { ill, illBy, well, type Finding } from './finding.ts';

const ANSWER_MS = 5_000;
const AT_ONCE = 10;
/** Of an answer that nobody reads. */
const MAX_BYTES = 1024 * 1024;

/** Decrypts every stored credential, and shows none. */
export async function checkKeys(db: Db, vault: Vault): Promise<Finding> {
  const rows = await allConnections(db.pool);
  const failed = rows.flatMap((row) => failureOf(row, vault));
  const first = failed[0];
  if (first === undefined)
    return well('encryption', `The credentials of ${rows.length} connections can be decrypted.`);
  const { message, advice } = reportOf(first.error);
  const ids = failed.map(({ id }) => id).join(', ');
  return ill('encryption', `The credentials of ${ids} can't be decrypted: ${message}`, advice);
}

function failureOf(row: ConnectionRow, vault: Vault): { id: string; error: unknown }[] {
  try {
    storedInput(row, vault);
    return [];
  } catch (error) {
    return [{ id: row.id, error }];
  }
}

/** A finding for each webhook endpoint that its provider has suspended or lost, as the last look at it has shown. */
export async function checkWebhooks(db: Db): Promise<Finding[]> {
  const endpoints = await allEndpoints(db);
  const down = endpoints.flatMap((endpoint) =>
    endpoint.error === null ? [] : [{ ...endpoint, error: endpoint.error }],
  );
  if (down.length === 0 && endpoints.length === 0) return [];
  if (down.length === 0)
    return [well('webhooks', `${endpoints.length} endpoints are registered at providers.`)];
  return down.map(({ connection_id: id, place, error }) =>
    ill(`webhooks ${place === '' ? id : `${id} ${place}`}`, error.message, error.advice),
  );
}

/** One finding for each origin that connections call, and for each connection that can't be read. */
export async function checkEndpoints(db: Db, load: LoadConnection, fetch: GuardedFetch): Promise<Finding[]> {
  const findings: Finding[] = [];
  const users = new Map<string, string[]>();
  for (const { id } of await allConnections(db.pool)) {
    try {
      for (const origin of originsOf(await load(id, { requireUsable: false })))
        users.set(origin, [...(users.get(origin) ?? []), id]);
    } catch (error) {
      // credentials that can't be decrypted are a finding of their own
      if (!(error instanceof SluiceError && error.code.startsWith('vault_')))
        findings.push(illBy(`connection ${id}`, error));
    }
  }
  const waiting = [...users];
  while (waiting.length > 0) {
    const batch = waiting.splice(0, AT_ONCE);
    findings.push(...(await Promise.all(batch.map(([origin, ids]) => reach(fetch, origin, ids)))));
  }
  return findings;
}

function originsOf({ endpoints }: ResolvedConnection): Set<string> {
  return new Set(Object.values(endpoints).map((url) => new URL(url).origin));
}

/** Errors that come after an answer: whoever answers so can be reached. */
const answered: ReadonlySet<string> = new Set([
  'redirect_refused',
  'response_too_large',
  'response_unreadable',
]);

async function reach(fetch: GuardedFetch, origin: string, ids: readonly string[]): Promise<Finding> {
  const name = `endpoint ${origin}`;
  const of = ` (${ids.slice(0, 5).join(', ')}${ids.length > 5 ? ' and others' : ''})`;
  try {
    const { status } = await fetch(`${origin}/`, {
      method: 'HEAD',
      timeoutMs: ANSWER_MS,
      maxBytes: MAX_BYTES,
    });
    return well(name, `Answers with ${status}${of}.`);
  } catch (error) {
    const { code, message, advice } = reportOf(error);
    return answered.has(code) ? well(name, `Answers${of}.`) : ill(name, `${message}${of}`, advice);
  }
}
