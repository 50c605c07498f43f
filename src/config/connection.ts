/** One connection as users describe it, in `sluice.yaml` and in `PUT /v1/connections/:id`: one check for both. */
import type { Endpoints, TokenPolicy } from '../providers/contract.ts';
import { connectionSchema, type ConnectionBody } from './connection-schema.ts';
import { describedStreams, relationProblems, type DescribedStream } from './custom-stream-relations.ts';
import { toCustomStream, type CustomStream } from './custom-stream.ts';
import { isWithin } from './document.ts';
import { given } from './given.ts';
import { parseWith } from './issues.ts';
import { problemAt, type Path, type Problem } from './problem.ts';
import { unstorableProblems } from './storable.ts';

/** A connection that is well formed. Whether its provider accepts it is not known yet. Plain JSON. */
export interface ConnectionInput {
  readonly id: string;
  readonly provider: string;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly credentials: Readonly<Record<string, string | readonly string[]>>;
  /** default: what the chosen streams need */
  readonly scopes?: readonly string[];
  /** default: all that the provider offers */
  readonly streams?: readonly string[];
  /** five cron fields, `every 5m` or `manual`; default: the provider's suggestion */
  readonly schedule?: string;
  readonly timezone: string;
  readonly tokenPolicy?: TokenPolicy;
  readonly endpoints: Endpoints;
  readonly limits: {
    readonly concurrency?: number;
    readonly requestsPerMinute?: number;
    readonly pageSize?: number;
  };
  readonly retry: { readonly attempts: number; readonly baseDelayMs: number; readonly maxDelayMs: number };
  readonly deletes: { readonly maxShare: number; readonly minRows: number };
  readonly fullEveryMs: number;
  readonly retention: { readonly changesMs: number; readonly eventsMs: number; readonly runsMs: number };
  /** default: as the provider does it */
  readonly webhooks: {
    readonly apply?: 'payload' | 'refetch';
    /** `standard-webhooks`: messages of the user's own, which start syncs */
    readonly scheme?: 'provider' | 'standard-webhooks';
    /** with that scheme, the streams that a message starts; default all */
    readonly streams?: readonly string[];
  };
  readonly oauth: {
    readonly basicEncoding?: 'raw' | 'form';
    readonly pkce?: boolean;
    readonly prompt?: string;
    readonly params: Readonly<Record<string, string>>;
  };
  readonly customStreams: readonly CustomStream[];
}

export interface ParseConnectionOptions {
  /** Says why an endpoint may not be called, or nothing. */
  readonly checkEndpoint?: (url: string) => string | undefined;
  /** where the body stands in its document; default `connections.<id>` */
  readonly base?: Path;
}

export interface ParsedConnection {
  readonly problems: readonly Problem[];
  /** there when nothing is wrong */
  readonly connection?: ConnectionInput;
  /**
   * What is left when the parts with problems are taken out, so that the rest can still be checked; `without`
   * are the keys that are gone.
   */
  readonly draft?: { readonly connection: ConnectionInput; readonly without: readonly string[] };
  /** custom streams in the order of the body, those with problems too: others may name them */
  readonly described: readonly DescribedStream[];
}

const day = 86_400_000;
const minute = 60_000;

/** Of history whose connection says nothing else, or is gone. */
export const defaultRetention: ConnectionInput['retention'] = {
  changesMs: 90 * day,
  eventsMs: 30 * day,
  runsMs: 90 * day,
};

/** `[a-z0-9-]`, 1 to 63 characters, no hyphen at an edge, no `--` (views of custom streams use it to separate). */
export function checkConnectionId(id: string, path: Path): Problem | undefined {
  if (/^(?=.{1,63}$)[a-z0-9]+(-[a-z0-9]+)*$/.test(id)) return undefined;
  return problemAt(
    path,
    'is not a connection id',
    'Use a-z, 0-9 and single hyphens inside: 1 to 63 characters, such as acme-hr.',
  );
}

/** Checks the form of a connection: keys, types, ranges, schedule, URLs. Knows no provider. */
export function parseConnection(
  id: string,
  body: unknown,
  options: ParseConnectionOptions = {},
): ParsedConnection {
  const base = options.base ?? ['connections', id];
  const badId = checkConnectionId(id, base.length === 0 ? ['id'] : base);
  const problems: Problem[] = badId === undefined ? [] : [badId];
  const parsed = parseWith(connectionSchema, body, base);
  if ('problems' in parsed) problems.push(...parsed.problems);
  problems.push(...unstorableProblems(body, base));
  const streams = isMap(body) ? body.customStreams : undefined;
  problems.push(...relationProblems(streams, [...base, 'customStreams']));
  const described = describedStreams(streams);

  const sound =
    'value' in parsed ? { body: parsed.value, without: [] } : salvage(body, base, parsed.problems);
  if (sound === undefined) return { problems, described };
  const connection = toInput(id, sound.body);
  problems.push(...endpointProblems(connection, base, options.checkEndpoint));
  return problems.length === 0
    ? { problems, connection, described }
    : { problems, draft: { connection, without: sound.without }, described };
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The body without the top-level keys that have problems, where that is still a connection. */
function salvage(
  body: unknown,
  base: Path,
  problems: readonly Problem[],
): { body: ConnectionBody; without: readonly string[] } | undefined {
  if (!isMap(body)) return undefined;
  const without = Object.keys(body).filter((key) =>
    problems.some((problem) => isWithin(problem.path ?? [], [...base, key])),
  );
  const rest = Object.fromEntries(Object.entries(body).filter(([key]) => !without.includes(key)));
  const parsed = parseWith(connectionSchema, rest, base);
  return 'value' in parsed ? { body: parsed.value, without } : undefined;
}

function endpointProblems(
  connection: ConnectionInput,
  base: Path,
  check: ParseConnectionOptions['checkEndpoint'],
): Problem[] {
  return Object.entries(connection.endpoints).flatMap(([key, url]) => {
    const refusal = check?.(url);
    if (refusal === undefined) return [];
    const fix =
      'Use a public https URL, or allow the host with SLUICE_ALLOW_HOSTS (SLUICE_ALLOW_LOOPBACK for this machine).';
    return [problemAt([...base, 'endpoints', key], refusal, fix)];
  });
}

function toInput(id: string, body: ConnectionBody): ConnectionInput {
  return {
    id,
    provider: body.provider,
    settings: body.settings ?? {},
    credentials: body.credentials ?? {},
    ...given({
      scopes: body.scopes,
      streams: body.streams,
      schedule: body.schedule,
      tokenPolicy: body.tokenPolicy,
    }),
    timezone: body.timezone ?? 'UTC',
    endpoints: given(body.endpoints ?? {}),
    limits: given(body.limits ?? {}),
    retry: {
      attempts: body.retry?.attempts ?? 8,
      baseDelayMs: body.retry?.baseDelay ?? 2000,
      maxDelayMs: body.retry?.maxDelay ?? 15 * minute,
    },
    deletes: { maxShare: body.deletes?.maxShare ?? 0.5, minRows: body.deletes?.minRows ?? 100 },
    fullEveryMs: body.fullEvery ?? 7 * day,
    retention: {
      changesMs: body.retention?.changes ?? defaultRetention.changesMs,
      eventsMs: body.retention?.events ?? defaultRetention.eventsMs,
      runsMs: body.retention?.runs ?? defaultRetention.runsMs,
    },
    webhooks: given({
      apply: body.webhooks?.apply,
      scheme: body.webhooks?.scheme,
      streams: body.webhooks?.streams,
    }),
    oauth: {
      ...given({
        basicEncoding: body.oauth?.basicEncoding,
        pkce: body.oauth?.pkce,
        prompt: body.oauth?.prompt,
      }),
      params: body.oauth?.params ?? {},
    },
    customStreams: (body.customStreams ?? []).map(toCustomStream),
  };
}
