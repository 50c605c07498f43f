/** The look around after a consent: which organizations the person reaches, beside those that the application does. */
import { randomUUID } from 'node:crypto';
import type { ConsentToken, SetupView } from '../auth/authorization/contract.ts';
import type { TokenService } from '../auth/contract.ts';
import { reportOf, SluiceError } from '../errors.ts';
import { noRequests, type Outbound } from '../outbound/client.ts';
import type { ResolvedConnection } from '../providers/connection.ts';
import type { SetupDefinition, StreamDefinition } from '../providers/contract.ts';
import type { Db } from '../store/db.ts';
import { writeSetup, type SeenOrganization, type StoredSetup } from '../store/setups.ts';
import { nameOf } from './mappings.ts';
import { firstPage, nextPage } from './paging.ts';
import { idOf, itemsOf } from './validate-page.ts';

/** A person waits for the page meanwhile. */
const SETUP_TIMEOUT_MS = 20_000;
const MAX_PAGES = 50;
/** Kept and shown; a setup page is no place to search. */
const MAX_ORGANIZATIONS = 1_000;

export interface SetupContext {
  readonly db: Db;
  readonly tokens: Pick<TokenService, 'endFlow'>;
  /** requests with the application's own token */
  readonly outbound: Outbound;
  /** requests with the token of a person, which is used here and kept nowhere */
  readonly outboundAs: (token: ConsentToken) => Outbound;
  /** epoch milliseconds */
  readonly now: () => number;
  readonly logger?: { warn(details: object, message: string): void };
}

/**
 * Lists with both tokens and keeps what was seen. Undefined where the provider has no such setup. A failure is part of the
 * result: the consent itself has worked.
 */
export async function lookAround(
  context: SetupContext,
  connection: ResolvedConnection,
  token: ConsentToken,
): Promise<SetupView | undefined> {
  const setup = connection.provider.authorization?.setup;
  const stream = connection.provider.streams.find(({ name }) => name === setup?.stream);
  if (setup === undefined || stream === undefined) return undefined;
  const at = new Date(context.now()).toISOString();
  let seen: StoredSetup;
  try {
    seen = { at, ...(await compare(context, connection, stream, token)), error: null };
  } catch (error) {
    const { code, message, advice } = reportOf(error);
    context.logger?.warn({ connection: connection.id, code }, 'the setup could not be looked at');
    seen = { at, organizations: [], more: false, error: { code, message, advice } };
  }
  const epoch = connection.grantEpoch ?? '';
  // the consent is stored already: what is only shown must not make it look as if it had failed
  await writeSetup(context.db.pool, { connectionId: connection.id, epoch }, seen).catch((err: unknown) => {
    context.logger?.warn({ connection: connection.id, err }, 'what the setup saw could not be kept');
  });
  return showSetup(connection, setup, seen);
}

export function showSetup(
  { credentials, endpoints }: ResolvedConnection,
  setup: SetupDefinition,
  seen: StoredSetup,
): SetupView {
  return { ...seen, installLink: setup.installLink({ credentials, endpoints }) };
}

async function compare(
  context: SetupContext,
  connection: ResolvedConnection,
  stream: StreamDefinition,
  token: ConsentToken,
): Promise<Pick<StoredSetup, 'organizations' | 'more'>> {
  const flow = `setup:${randomUUID()}`;
  const signal = AbortSignal.timeout(SETUP_TIMEOUT_MS);
  const list = (outbound: Outbound) => listAll(outbound, { connection, stream, flow, signal });
  try {
    const [person, client] = await Promise.all([list(context.outboundAs(token)), list(context.outbound)]);
    const all = new Map([...client, ...person]);
    const organizations = Array.from(all, ([id, name]): SeenOrganization => ({
      id,
      name,
      person: person.has(id),
      client: client.has(id),
    })).toSorted((a, b) => rank(a) - rank(b) || (a.name ?? a.id).localeCompare(b.name ?? b.id, 'en'));
    return {
      organizations: organizations.slice(0, MAX_ORGANIZATIONS),
      more: organizations.length > MAX_ORGANIZATIONS,
    };
  } catch (error) {
    if (!signal.aborted) throw error;
    const message = `${connection.provider.title} did not list its ${stream.name} within ${SETUP_TIMEOUT_MS / 1000} s.`;
    throw new SluiceError('provider_unavailable', message, { cause: error });
  } finally {
    await context.tokens.endFlow(flow);
  }
}

/** What a person has to act on comes first, then what is his. */
function rank({ person, client }: SeenOrganization): number {
  return person ? (client ? 1 : 0) : 2;
}

/** Names by id. @throws SluiceError what `Outbound.getJson` throws, `response_unexpected` */
async function listAll(
  outbound: Outbound,
  asked: {
    readonly connection: ResolvedConnection;
    readonly stream: StreamDefinition;
    readonly flow: string;
    readonly signal: AbortSignal;
  },
): Promise<Map<string, string | null>> {
  const { connection, stream } = asked;
  const found = new Map<string, string | null>();
  let url: string | undefined = firstPage(connection, stream);
  for (let page = 0; url !== undefined && page < MAX_PAGES; page += 1) {
    const { headers, body } = await outbound.getJson({ ...asked, url, counts: noRequests() });
    const items = itemsOf(stream, body);
    for (const item of items) {
      const id = idOf(stream, item);
      if (id !== undefined) found.set(id, nameOf(item)?.slice(0, 200) ?? null);
    }
    url = nextPage(connection, stream, { url, headers, body, itemCount: items.length });
  }
  if (url === undefined) return found;
  throw new SluiceError(
    'response_unexpected',
    `The list of ${stream.name} has more than ${MAX_PAGES} pages.`,
  );
}
