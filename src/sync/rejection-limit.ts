/**
 * When rejected records are too many to go on: a provider that has changed its format must not fill
 * `rejected_records` with everything it has, while the mirror stands still behind a run that counts as a success.
 */
import { SluiceError } from '../errors.ts';
import type { Db } from '../store/db.ts';
import { storeRejected } from './page-rows.ts';
import type { WalkInput } from './pass.ts';
import type { RejectedRecord } from './validate-page.ts';
import { lockStream, type Writer } from './writer.ts';

/** Fewer rejected records than this never end a pass. */
const AT_LEAST = 20;
/** share of what the pass has read so far */
const MAX_SHARE = 0.5;
/** Rejected records of the page that ends a pass which are kept, to be looked at. */
const KEPT = 10;

/** How many records a pass has read so far, and how many of them were rejected. Part of its checkpoint. */
export interface Tally {
  readonly read: number;
  readonly rejected: number;
}

export const emptyTally: Tally = { read: 0, rejected: 0 };

/**
 * The tally after this page.
 *
 * @throws SluiceError `records_rejected` where more than half of the pass so far was rejected, or a whole page; at
 *   least 20 records in either case. Nothing of this page is stored but the first rejected ones.
 */
export async function tallied(
  db: Db,
  { stream, job, connection }: WalkInput,
  writer: Writer,
  before: Tally,
  page: { readonly partition: string; readonly read: number; readonly rejected: readonly RejectedRecord[] },
): Promise<Tally> {
  const after = { read: before.read + page.read, rejected: before.rejected + page.rejected.length };
  if (!tooMany({ read: page.read, rejected: page.rejected.length }, after)) return after;
  await db.tx(async (client) => {
    await lockStream(client, writer);
    await storeRejected(client, writer, job.runId, page.partition, page.rejected.slice(0, KEPT));
  });
  const [first] = page.rejected;
  throw new SluiceError(
    'records_rejected',
    `${after.rejected} of ${after.read} records of ${stream.name} were rejected; the first of the last page ${first?.reason ?? 'is not what is expected'}.`,
    {
      advice: `Look at \`sluice rejected ${connection.id} ${stream.name}\`: the format of the provider has changed, or the stream is described wrongly. Nothing was deleted.`,
    },
  );
}

/** Pure, for its test: `pass` includes `page`. */
export function tooMany(page: Tally, pass: Tally): boolean {
  if (page.rejected >= AT_LEAST && page.rejected === page.read) return true;
  return pass.rejected >= AT_LEAST && pass.rejected > pass.read * MAX_SHARE;
}
