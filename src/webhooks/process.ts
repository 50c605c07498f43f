/**
 * One delivery of one event's job: read the bytes, do what the message asks for, write down how it ended. Knows no queue:
 * the outcome says what happens next.
 */
import { reportOf, SluiceError, type ErrorReport } from '../errors.ts';
import { nameInLog } from '../telemetry/log-context.ts';
import { decide } from '../outbound/retry.ts';
import type { ResolvedConnection } from '../providers/connection.ts';
import type { WebhookReading } from '../providers/webhook-contract.ts';
import { parkConnection } from '../store/connections.ts';
import {
  beginEvent,
  endEvent,
  holdEvent,
  returnEvent,
  waitEvent,
  type EventRow,
  type EventSubject,
} from '../store/inbox-jobs.ts';
import { followSignals } from '../sync/signals.ts';
import { endOnly, syncAndEnd, writeAndEnd, writePayloadAndEnd, type Applying } from './apply.ts';
import { confirmAndEnd } from './confirm.ts';
import type { WebhookContext } from './context.ts';
import { definitionOf } from './definition.ts';
import { readEvent, streamNamed, subjectOf } from './read-event.ts';
import { refetchAndEnd } from './refetch.ts';

export type EventOutcome =
  /** `run`: one that was asked for and needs its job */
  | { readonly outcome: 'done'; readonly run?: string }
  | { readonly outcome: 'wait'; readonly until: number }
  | { readonly outcome: 'returned' };

export interface EventJob {
  readonly eventId: string;
  readonly jobId: string;
  readonly shutdown: AbortSignal;
}

/** A key or a configuration is missing in this process: looked at again after this, in milliseconds. */
const UNREADABLE_MS = 60_000;
const UNREAD: EventSubject = { type: null, effect: null, occurredAt: null, stream: null, recordId: null };

export async function processEvent(context: WebhookContext, job: EventJob): Promise<EventOutcome> {
  const delivery = await beginEvent(context.db, job.eventId, job.jobId);
  if (delivery === undefined) return { outcome: 'done' };
  const { event } = delivery;
  nameInLog({ eventId: job.eventId, connection: event.connection_id });
  if (delivery.poisoned) {
    const times = event.starts - 1;
    const message = `The event was started ${times} times and never came to an end.`;
    return bury(context, job, UNREAD, new SluiceError('poison', message).report());
  }
  let connection: ResolvedConnection;
  try {
    connection = await context.loadConnection(event.connection_id, { requireUsable: true });
  } catch (error) {
    return withoutConnection(context, job, error);
  }
  const following = followSignals(job.shutdown);
  let waits = false;
  try {
    const outcome = await carryOut(context, job, connection, event, following.signal);
    waits = outcome.outcome !== 'done';
    if (!waits) context.onEventAge?.(connection.provider.id, context.now() - event.received_at.getTime());
    return outcome;
  } finally {
    following.release();
    // One that comes again belongs to the same flow.
    if (!waits) await context.tokens.endFlow(job.jobId);
  }
}

async function carryOut(
  context: WebhookContext,
  job: EventJob,
  connection: ResolvedConnection,
  event: EventRow,
  signal: AbortSignal,
): Promise<EventOutcome> {
  let subject = UNREAD;
  try {
    const reading = readEvent(connection, event.body);
    subject = subjectOf(connection, reading);
    const run = await act(context, { ...job, connection, subject }, reading, signal);
    return { outcome: 'done', ...(run === undefined ? {} : { run }) };
  } catch (error) {
    // Whoever has the event now writes down how it ends.
    if (error instanceof SluiceError && error.code === 'lease_lost') return { outcome: 'done' };
    if (job.shutdown.aborted) {
      const returned = await returnEvent(context.db, job.eventId, job.jobId);
      return { outcome: returned ? 'returned' : 'done' };
    }
    return fail(context, job, connection, event, subject, error);
  }
}

/** Does what the message asks for. Returns the run whose job must be added. */
async function act(
  context: WebhookContext,
  event: Applying,
  { effect, occurredAt }: WebhookReading,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { connection } = event;
  switch (effect.effect) {
    case 'none':
      await endOnly(context, event, 'ignored', { reason: effect.reason });
      return undefined;
    case 'confirm':
      await confirmAndEnd(context, event, effect.url, signal);
      return undefined;
    case 'sync':
      return startSync(context, event, effect.streams);
    case 'upsert':
    case 'refetch':
    case 'delete': {
      const stream = streamNamed(connection, effect.stream);
      if (stream === undefined) {
        const reason = `${effect.stream} is not mirrored by this connection`;
        await endOnly(context, event, 'ignored', { reason });
        return undefined;
      }
      const parent = effect.parent ?? '';
      const deleted = effect.effect === 'delete';
      const id = event.subject.recordId;
      if (id !== null && (effect.effect === 'refetch' || isAskedFor(connection))) {
        // Without a way to ask for one record, the stream's sync is the way to the newest state.
        if (stream.single === undefined) return startSync(context, event, [stream.name]);
        const { single } = stream;
        await refetchAndEnd(context, event, { stream, single, id, parent, deleted, occurredAt }, signal);
        return undefined;
      }
      if (effect.effect === 'upsert') await writePayloadAndEnd(context, event, stream, effect, occurredAt);
      else
        await writeAndEnd(context, event, {
          stream: stream.name,
          records: [],
          deletions: [{ id: effect.id, version: occurredAt }],
          baseSeq: null,
        });
      return undefined;
    }
  }
}

function isAskedFor(connection: ResolvedConnection): boolean {
  const own = connection.webhooks.apply ?? definitionOf(connection.provider, connection)?.apply;
  return own === 'refetch';
}

/** No names: all streams of the connection. */
async function startSync(
  context: WebhookContext,
  event: Applying,
  names: readonly string[],
): Promise<string | undefined> {
  const { streams } = event.connection;
  const known = streams.map(({ name }) => name).filter((name) => names.length === 0 || names.includes(name));
  if (known.length > 0) return syncAndEnd(context, event, known);
  const reason = `${names.join(', ')} is not mirrored by this connection`;
  await endOnly(context, event, 'ignored', { reason });
  return undefined;
}

/** A connection that is paused or waits for a person keeps its events; one that is gone has no use for them. */
async function withoutConnection(
  context: WebhookContext,
  job: EventJob,
  error: unknown,
): Promise<EventOutcome> {
  if (!(error instanceof SluiceError) || error.kind === 'transient') throw error;
  if (error.code === 'connection_removed') return bury(context, job, UNREAD, error.report());
  if (error.code === 'connection_paused' || error.code === 'connection_parked') {
    await holdEvent(context.db, job.eventId, job.jobId, null);
    return { outcome: 'done' };
  }
  context.logger.warn({ err: error, eventId: job.eventId }, 'the connection of a webhook can not be read');
  const until = context.now() + UNREADABLE_MS;
  const waiting = await waitEvent(context.db, job.eventId, job.jobId, {
    until: new Date(until),
    error: error.report(),
    countsAttempt: false,
    waitedMs: 0,
  });
  return waiting ? { outcome: 'wait', until } : { outcome: 'done' };
}

/** Turns an error into a wait or an end, by the retry policy of the connection. */
async function fail(
  context: WebhookContext,
  job: EventJob,
  connection: ResolvedConnection,
  event: EventRow,
  subject: EventSubject,
  error: unknown,
): Promise<EventOutcome> {
  const { db, now } = context;
  const state = {
    attempts: event.attempts,
    waitedMs: Number(event.waited),
    now: now(),
    random: context.random(),
  };
  const decision = decide(error, state, connection.retry);
  const report = reportOf(error);
  if (decision.action === 'fail') {
    context.logger.error({ code: report.code, reason: decision.reason, err: error }, 'webhook failed');
    if (!decision.attention) return bury(context, job, subject, report, connection.provider.id);
    // It is the connection that is broken, not the event: it goes on when a person has mended it.
    await parkConnection(db, connection.id, 'needs_attention', report);
    await holdEvent(db, job.eventId, job.jobId, report);
    return { outcome: 'done' };
  }
  context.logger.warn(
    { code: report.code, reason: decision.reason, delayMs: decision.delayMs },
    'webhook waits',
  );
  const until = now() + decision.delayMs;
  const waiting = await waitEvent(db, job.eventId, job.jobId, {
    until: new Date(until),
    error: report,
    countsAttempt: decision.countsAttempt,
    waitedMs: decision.countsAttempt ? 0 : decision.delayMs,
  });
  return waiting ? { outcome: 'wait', until } : { outcome: 'done' };
}

async function bury(
  context: WebhookContext,
  job: EventJob,
  subject: EventSubject,
  error: ErrorReport,
  provider = 'unknown',
): Promise<EventOutcome> {
  await endEvent(context.db.pool, job.eventId, job.jobId, {
    ...subject,
    status: 'dead',
    outcome: null,
    error,
  });
  context.onEvent?.(provider, 'dead');
  return { outcome: 'done' };
}
