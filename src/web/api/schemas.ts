/** What `/v1` answers. Each schema is held to the type that the engine returns, so that neither goes its own way. */
import { z } from 'zod';
import { connectionSchema } from '../../config/connection-schema.ts';
import type { ConnectionSummary } from '../../sync/connection-view.ts';
import type { RunView, StreamView } from '../../sync/history.ts';
import type { ChangeView } from '../../sync/read-changes.ts';
import type { EntryView } from '../../sync/timeline.ts';
import type { RecordView } from '../../sync/read-records.ts';
import type { CheckReport, ConnectionDetail, RunDetail } from './contract.ts';

export const time = z.iso.datetime().describe('in UTC');
export const count = z.int().nonnegative();
const runStatus = z.enum([
  'queued',
  'running',
  'waiting',
  'succeeded',
  'partial',
  'failed',
  'held',
  'cancelled',
]);
export const runStatuses = runStatus;

export const report = z
  .strictObject({
    code: z.string().describe('stable; see docs/errors.md'),
    kind: z.enum(['config', 'transient', 'rate_limited', 'auth', 'data']),
    message: z.string(),
    advice: z.string().describe('what to do'),
  })
  .meta({ id: 'Error' });

const streamRun = z
  .strictObject({
    name: z.string(),
    status: z.string(),
    mode: z.string().describe('full or incremental'),
    added: count,
    updated: count,
    deleted: count,
    unchanged: count,
    rejected: count,
    pages: count,
    cursor: z.unknown().describe('where the next incremental pass begins'),
    error: report.nullable(),
    waitUntil: time.nullable(),
    waitReason: z.string().nullable(),
  })
  .meta({ id: 'StreamRun' }) satisfies z.ZodType<StreamView>;

export const run = z
  .strictObject({
    id: z.string(),
    connection: z.string(),
    status: runStatus,
    trigger: z.string(),
    createdAt: time,
    startedAt: time.nullable(),
    finishedAt: time.nullable(),
    tokenRequests: count,
    requests: count,
    retries: count,
    error: report.nullable(),
    streams: z.array(streamRun),
  })
  .meta({ id: 'Run' }) satisfies z.ZodType<RunView>;

const milliseconds = count.describe('milliseconds');

const entry = z
  .discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('request'),
      at: time,
      stream: z.string(),
      path: z.string().describe('with the names of query parameters, without their values'),
      status: z.int().nullable().describe('null where no answer came'),
      error: z.string().nullable().describe('code'),
      ms: milliseconds,
      attempt: count,
      waits: z
        .array(
          z.strictObject({
            reason: z.enum(['rate_limit', 'quick_retry', 'replay', 'token']),
            ms: milliseconds,
          }),
        )
        .describe('before it left'),
      page: count.nullable().describe('number of the page that it brought; null: none'),
      records: z
        .strictObject({ added: count, updated: count, deleted: count, unchanged: count, rejected: count })
        .nullable(),
      token: z.strictObject({ ageSeconds: z.number(), new: z.boolean() }).nullable(),
    }),
    z.strictObject({
      kind: z.literal('wait'),
      at: time,
      stream: z.string(),
      reason: z.enum(['backoff', 'rate_limit', 'retry_after', 'not_ready', 'lease', 'token', 'shutdown']),
      error: z.string().describe('code'),
      until: time.nullable(),
      attempt: count.nullable().describe('attempts that are spent with it; null where it spends none'),
    }),
  ])
  .meta({ id: 'TimelineEntry' }) satisfies z.ZodType<EntryView>;

export const runDetail = run
  .extend({
    timeline: z.array(entry).describe('requests and waits; of a long run the first and the newest'),
    timelineOmitted: z
      .record(z.string(), count)
      .describe('entries that are not kept, by stream; streams of which all are kept are left out'),
  })
  .meta({ id: 'RunDetail' }) satisfies z.ZodType<RunDetail>;

export const connectionSummary = z
  .strictObject({
    id: z.string(),
    provider: z.string(),
    state: z.enum(['active', 'paused', 'needs_reconnect', 'needs_attention']),
    since: time.describe('of the state'),
    code: z.string().nullable().describe('of the error that brought it into this state'),
    reason: z.string().nullable(),
    advice: z.string().nullable(),
    account: z.string().nullable().describe('who connected it, where a person did and the provider says'),
    managedBy: z.enum(['file', 'api']).describe('`file`: it is changed by `sluice apply` only'),
    schedule: z.string(),
    timezone: z.string(),
    nextRunAt: time.nullable(),
    failedRuns: count.describe('runs in a row in which no stream succeeded'),
    lastRun: run.nullable(),
    customStreams: z
      .array(
        z.strictObject({
          name: z.string(),
          path: z.string(),
          parent: z.string().nullable(),
          paging: z.string().describe('style'),
          changes: z.string().describe('how changes are found'),
        }),
      )
      .describe('streams that its own configuration describes'),
  })
  .meta({ id: 'ConnectionSummary' }) satisfies z.ZodType<ConnectionSummary>;

const { $schema: _dialect, ...configurationSchema } = z.toJSONSchema(
  connectionSchema.omit({ credentials: true }),
  { io: 'input', unrepresentable: 'any' },
);
/** Described as the body that PUT takes: what that schema parses to is another matter. */
const configuration = z.record(z.string(), z.unknown()).meta({
  ...configurationSchema,
  description:
    'what PUT takes and sluice.yaml would hold, with the defaults left out, and without `credentials`, which are write-only',
});

export const connection = connectionSummary
  .extend({
    records: z.record(z.string(), count).describe('live records by stream'),
    streams: z.array(z.string()).describe('that can be read'),
    configuration,
  })
  .meta({ id: 'Connection' }) satisfies z.ZodType<ConnectionDetail>;

export const checkReport = z
  .strictObject({
    connection: z.string(),
    ok: z.boolean(),
    steps: z.array(z.strictObject({ name: z.string(), ok: z.boolean(), detail: z.string() })),
    cleared: z.boolean().describe('it waited for a person, and is active again because it works'),
    error: report.nullable(),
  })
  .meta({ id: 'Check' }) satisfies z.ZodType<CheckReport>;

export const record = z
  .strictObject({
    id: z.string(),
    record: z.unknown().describe('as the provider gave it'),
    changedAt: time,
    deletedAt: time.nullable(),
  })
  .meta({ id: 'Record' }) satisfies z.ZodType<RecordView>;

export const change = z
  .strictObject({
    seq: z.int().positive().describe('number of the change, without gaps in its stream'),
    op: z.enum(['added', 'updated', 'deleted']),
    id: z.string().nullable().describe('of the record; null where it was purged since'),
    record: z.unknown().describe('as it is now; null where it is deleted'),
    changedAt: time,
  })
  .meta({ id: 'Change' }) satisfies z.ZodType<ChangeView>;

const evidence = z.enum(['documented', 'inferred', 'unverified']);
const field = z.strictObject({ name: z.string(), required: z.boolean(), description: z.string() });

export const provider = z
  .strictObject({
    id: z.string(),
    title: z.string(),
    description: z.string(),
    docs: z.string(),
    grants: z.array(z.enum(['client', 'user'])),
    tokenPolicy: z.enum(['reuse', 'per-flow']),
    clientAuth: z.enum(['basic', 'post', 'none']),
    schedule: z.string().describe('suggested'),
    settings: z.array(field),
    credentials: z.array(field),
    limits: z.array(
      z.strictObject({ requests: z.number(), perSeconds: z.number(), keyedBy: z.string(), evidence }),
    ),
    webhooks: z
      .strictObject({
        events: z.string().describe('which it sends, in words'),
        apply: z.enum(['payload', 'refetch']),
        signature: z.string().describe('scheme'),
        registration: z.boolean().describe('endpoints can be registered by its API'),
        evidence,
        docs: z.string(),
      })
      .nullable()
      .describe('null: none are documented'),
    streams: z.array(
      z.strictObject({
        name: z.string(),
        title: z.string(),
        path: z.string(),
        parent: z.string().nullable(),
        scopes: z.array(z.string()),
        paging: z.looseObject({ style: z.string() }).describe('by its style'),
        changes: z.looseObject({ detect: z.string() }).describe('how changes are found'),
        evidence,
        docs: z.string().nullable(),
      }),
    ),
  })
  .meta({ id: 'Provider' });

export const problem = z
  .strictObject({
    type: z.literal('about:blank'),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string().describe('stable; see docs/errors.md'),
    kind: z.enum(['config', 'transient', 'rate_limited', 'auth', 'data']),
    advice: z.string().describe('what to do'),
    id: z.string().optional().describe('stands in the log beside the error'),
    earliest: z.int().optional().describe('with feed_truncated: the oldest change that is left'),
    last: z.int().optional().describe('with cursor_ahead: the newest change'),
    problems: z
      .array(
        z.strictObject({
          severity: z.enum(['error', 'warning']),
          where: z.string(),
          message: z.string(),
          fix: z.string(),
        }),
      )
      .optional()
      .describe('with config_invalid: each of them'),
  })
  .meta({ id: 'Problem' });

export function pageOf<T extends z.ZodType>(item: T) {
  return z.strictObject({
    data: z.array(item),
    next: z.string().nullable().describe('hand it back as `cursor` for what follows; null at the end'),
  });
}
