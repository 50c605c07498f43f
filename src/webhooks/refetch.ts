/** An event by asking: the object as it is now, whatever the message said and however late it came. */
import { SluiceError } from '../errors.ts';
import { noRequests } from '../outbound/client.ts';
import type { StreamDefinition } from '../providers/contract.ts';
import { currentSeq } from '../sync/writer.ts';
import { validRecord, writeAndEnd, endOnly, type Applying } from './apply.ts';
import type { WebhookContext } from './context.ts';

export interface Wanted {
  readonly stream: StreamDefinition;
  /** path of one record, `{id}` in it */
  readonly single: string;
  readonly id: string;
  readonly parent: string;
  /** the provider says that it is gone */
  readonly deleted: boolean;
  readonly occurredAt: string | null;
}

/** @throws SluiceError as `Outbound.getJson` and `writeAndEnd` */
export async function refetchAndEnd(
  context: WebhookContext,
  event: Applying,
  wanted: Wanted,
  signal: AbortSignal,
): Promise<void> {
  const { connection } = event;
  const { stream, id, parent } = wanted;
  // Before the request: what another writer stores after this moment may be newer than the answer.
  const baseSeq = await currentSeq(context.db.pool, { connectionId: connection.id, stream: stream.name });
  const path = wanted.single
    .replaceAll('{id}', encodeURIComponent(id))
    .replaceAll('{parent}', encodeURIComponent(parent));
  const body = await getRecord(context, event, stream, path, signal);
  if (body === undefined) {
    if (wanted.deleted) {
      const deletion = { id, version: wanted.occurredAt };
      return writeAndEnd(context, event, {
        stream: stream.name,
        records: [],
        deletions: [deletion],
        baseSeq,
      });
    }
    // It may be gone, or not ours to see: a delete has an event of its own, and the next full pass knows.
    return endOnly(context, event, 'ignored', { reason: 'the provider no longer shows this record' });
  }
  const record = validRecord(stream, body, parent, null);
  await writeAndEnd(context, event, { stream: stream.name, records: [record], deletions: [], baseSeq });
}

/** Undefined for 404. */
async function getRecord(
  context: WebhookContext,
  { connection, jobId }: Applying,
  stream: StreamDefinition,
  path: string,
  signal: AbortSignal,
): Promise<unknown> {
  const counts = noRequests();
  try {
    const url = `${connection.endpoints.api ?? ''}${path}`;
    const answer = await context.outbound.getJson({ connection, flow: jobId, url, stream, counts, signal });
    return answer.body;
  } catch (error) {
    if (error instanceof SluiceError && error.details.status === 404) return undefined;
    throw error;
  }
}
