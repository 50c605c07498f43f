/** A connection as it stands in sluice.yaml: the way back from what was parsed, with the defaults left out. */
import { isDeepStrictEqual } from 'node:util';
import { parseConnection, type ConnectionInput } from './connection.ts';
import type { CustomStream } from './custom-stream.ts';
import { writeDuration } from './duration.ts';
import { given } from './given.ts';

/**
 * The body that parses to this connection, its keys in the order of the documentation. Credentials are in it as they
 * are: whoever shows it replaces them first.
 */
export function connectionBody(input: ConnectionInput): Record<string, unknown> {
  const { provider, settings, credentials, endpoints, limits, retry, deletes, retention, oauth } = input;
  const defaults = defaultsOf(provider);
  const { basicEncoding, pkce, prompt, params } = oauth;
  const parts: Record<string, unknown> = {
    provider,
    settings,
    credentials,
    ...given({ scopes: input.scopes, streams: input.streams, schedule: input.schedule }),
    timezone: unless(defaults.timezone, input.timezone),
    ...given({ tokenPolicy: input.tokenPolicy }),
    endpoints,
    limits,
    retry: {
      attempts: unless(defaults.retry.attempts, retry.attempts),
      baseDelay: durationUnless(defaults.retry.baseDelayMs, retry.baseDelayMs),
      maxDelay: durationUnless(defaults.retry.maxDelayMs, retry.maxDelayMs),
    },
    deletes: {
      maxShare: unless(defaults.deletes.maxShare, deletes.maxShare),
      minRows: unless(defaults.deletes.minRows, deletes.minRows),
    },
    fullEvery: durationUnless(defaults.fullEveryMs, input.fullEveryMs),
    retention: {
      changes: durationUnless(defaults.retention.changesMs, retention.changesMs),
      events: durationUnless(defaults.retention.eventsMs, retention.eventsMs),
      runs: durationUnless(defaults.retention.runsMs, retention.runsMs),
    },
    webhooks: input.webhooks,
    oauth: { basicEncoding, pkce, prompt, params: Object.keys(params).length === 0 ? undefined : params },
    customStreams: input.customStreams.length === 0 ? undefined : input.customStreams.map(streamBody),
  };
  return Object.fromEntries(
    Object.entries(parts)
      .map(([key, value]) => [key, isMap(value) ? given(value) : value] as const)
      .filter(([, value]) => value !== undefined && !(isMap(value) && Object.keys(value).length === 0)),
  );
}

/** What a body that says nothing parses to. */
function defaultsOf(provider: string): ConnectionInput {
  const { connection } = parseConnection('any', { provider });
  if (connection === undefined) throw new Error('a body with a provider alone is a connection');
  return connection;
}

function streamBody(stream: CustomStream): Record<string, unknown> {
  const { name, path, scopes, items, paging, changes, ...rest } = stream;
  return given({
    name,
    path,
    ...rest,
    scopes: scopes.length === 0 ? undefined : scopes,
    items: items === '' ? undefined : items,
    paging: paging.style === 'none' ? undefined : paging,
    changes: detectionBody(changes),
  });
}

function detectionBody(changes: CustomStream['changes']): unknown {
  if (changes.detect === 'full') return undefined;
  if (changes.detect === 'sequence') return changes.detect;
  const { overlapMs, ...rest } = changes;
  return { ...rest, ...(overlapMs === undefined ? {} : { overlap: writeDuration(overlapMs) }) };
}

function unless<T>(standard: T, value: T): T | undefined {
  return isDeepStrictEqual(standard, value) ? undefined : value;
}

function durationUnless(standard: number, milliseconds: number): string | undefined {
  return milliseconds === standard ? undefined : writeDuration(milliseconds);
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
