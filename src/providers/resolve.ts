/** From what the user configured to what the engines work with: the provider's defaults filled in. */
import { z } from 'zod';
import type { ConnectionInput, CustomStream } from '../config/index.ts';
import type { ResolvedConnection } from './connection.ts';
import type { Credentials, GrantType, Paging, ProviderDefinition, StreamDefinition } from './contract.ts';

/** Enough to hide a provider's latency, and far from any limit that a provider names. */
const defaultConcurrency = 4;

/**
 * The effective connection.
 *
 * @throws ZodError where settings or credentials were never held against this provider
 */
export function resolveConnection(input: ConnectionInput, provider: ProviderDefinition): ResolvedConnection {
  const settings = provider.settings.strict().parse(input.settings);
  const credentials = credentialsSchema(input, provider).parse(input.credentials) as Credentials;
  const streams = chosenStreams(input, provider);
  const { pageSize } = input.limits;
  const grant = grantOf(provider, { settings, credentials });
  const { basicEncoding, pkce, prompt, params } = input.oauth;
  return {
    id: input.id,
    provider,
    settings,
    credentials,
    endpoints: { ...provider.endpoints(settings), ...input.endpoints },
    scopes: input.scopes ?? scopesOfGrant(provider, grant, streams),
    streams: pageSize === undefined ? streams : streams.map((stream) => withPageSize(stream, pageSize)),
    tokenPolicy: input.tokenPolicy ?? provider.tokenPolicy,
    grant,
    schedule: input.schedule ?? provider.suggestedSchedule,
    timezone: input.timezone,
    limits: { ...input.limits, concurrency: input.limits.concurrency ?? defaultConcurrency },
    retry: input.retry,
    fullEveryMs: input.fullEveryMs,
    deletes: input.deletes,
    webhooks: input.webhooks,
    oauth: {
      basicEncoding: basicEncoding ?? provider.basicEncoding,
      ...(pkce === undefined ? {} : { pkce }),
      ...(prompt === undefined ? {} : { prompt }),
      params,
    },
  };
}

/** What the background work of such a connection is done with. */
export function grantOf(
  provider: ProviderDefinition,
  connection: { readonly settings: ConnectionInput['settings']; readonly credentials: Credentials },
): GrantType | 'none' {
  return provider.grantOf?.(connection) ?? provider.grants[0] ?? 'none';
}

function scopesOfGrant(
  provider: ProviderDefinition,
  grant: GrantType | 'none',
  streams: readonly StreamDefinition[],
): string[] {
  const asked = grant === 'user' ? (provider.authorization?.scopes ?? []) : [];
  return [...new Set([...asked, ...scopesFor(provider, streams)])];
}

/** What the provider takes; and a webhook secret wherever messages come by a scheme of the user's own. */
export function credentialsSchema(
  input: Pick<ConnectionInput, 'webhooks'>,
  provider: ProviderDefinition,
): z.ZodObject {
  const own = provider.credentials.strict();
  return input.webhooks.scheme === 'standard-webhooks' ? own.extend({ webhookSecret: standardSecret }) : own;
}

const oneSecret = z.string().regex(/^(?:whsec_)?[A-Za-z0-9+/]{32,}={0,2}$/, {
  error: 'must be whsec_ and the base64 of 24 bytes or more, such as `openssl rand -base64 32` makes',
});
const standardSecret = z
  .union([oneSecret, z.array(oneSecret).min(1)])
  .describe('signs the messages (Standard Webhooks); a list while it is rotated');

/** The streams that a connection with these settings can have. The settings may be wrong still. */
export function offeredStreams(
  provider: ProviderDefinition,
  settings: ConnectionInput['settings'],
): readonly StreamDefinition[] {
  return provider.streamsFor?.(settings) ?? provider.streams;
}

/**
 * The streams that a connection mirrors, parents before their children: those it names (default: all that its
 * provider offers it, except the optional ones), the parents they are listed by, those that are always read, and
 * every custom stream, which is chosen by being described, unless the names choose among the custom ones too.
 */
export function chosenStreams(
  input: Pick<ConnectionInput, 'settings' | 'streams' | 'customStreams'>,
  provider: ProviderDefinition,
): StreamDefinition[] {
  const all = [...offeredStreams(provider, input.settings), ...input.customStreams.map(streamOf)];
  const custom = new Set(input.customStreams.map((stream) => stream.name));
  const choosesCustom = input.streams?.some((name) => custom.has(name)) === true;
  const chosen: StreamDefinition[] = [];
  const visited = new Set<string>();
  const add = (stream: StreamDefinition | undefined) => {
    if (stream === undefined || visited.has(stream.name)) return;
    visited.add(stream.name);
    if (stream.parent !== undefined) add(all.find((candidate) => candidate.name === stream.parent));
    chosen.push(stream);
  };
  for (const stream of all) {
    const named = input.streams?.includes(stream.name) ?? stream.optional !== true;
    const described = !choosesCustom && custom.has(stream.name);
    if (named || described || stream.always === true) add(stream);
  }
  return chosen;
}

/** What the provider always asks for and what these streams need, each once. */
export function scopesFor(provider: ProviderDefinition, streams: readonly StreamDefinition[]): string[] {
  return [...new Set([...provider.baseScopes, ...streams.flatMap((stream) => stream.scopes)])];
}

/** Nothing is known of such records but that they are objects. */
const anyRecord = z.looseObject({});

function streamOf(custom: CustomStream): StreamDefinition {
  return { ...custom, title: custom.name, schema: anyRecord, evidence: 'unverified' };
}

/** The user's page size, wherever the provider can be asked for one. */
function withPageSize(stream: StreamDefinition, pageSize: number): StreamDefinition {
  const { paging } = stream;
  if (paging.style === 'none' || paging.sizeParam === undefined) return stream;
  if (paging.style === 'sequence')
    return { ...stream, paging: { ...paging, pageSize: Math.min(pageSize, paging.pageSize) } };
  return { ...stream, paging: { ...paging, pageSize } satisfies Paging };
}
