/**
 * Finding records of a stream: by the beginning of their id, or by a text in their body. Both walk the primary key and
 * look at `LOOKED_AT` records at most, whatever they find, so that no search takes longer the more there is; the
 * answer says where to search on. A text has no index: that is the price of a mirror that costs little to write.
 */
import type { Db } from '../store/db.ts';
import type { StreamKey } from './writer.ts';

/** Records that one search looks at. */
export const LOOKED_AT = 5_000;

export interface SearchRequest {
  /** beginning of the id; all where empty */
  readonly prefix: string;
  /** anywhere in the body as JSON, upper and lower case alike; all where empty */
  readonly text: string;
  /** also those that were deleted at the provider */
  readonly deleted: boolean;
  /** id of the record behind which it goes on */
  readonly after: string | undefined;
  readonly limit: number;
}

export interface FoundRecord {
  readonly id: string;
  /** its body as JSON, cut to its beginning */
  readonly beginning: string;
  readonly changedAt: string;
  readonly deletedAt: string | null;
}

export interface SearchPage {
  readonly found: readonly FoundRecord[];
  /** id behind which to search on; null at the end */
  readonly next: string | null;
  /** records that were looked at for this page */
  readonly lookedAt: number;
}

/** Characters of a body that a list shows. */
const BEGINNING = 160;

/** In the order of ids. */
export async function searchRecords(
  db: Pick<Db, 'pool'>,
  { connectionId, stream }: StreamKey,
  { prefix, text, deleted, after, limit }: SearchRequest,
): Promise<SearchPage> {
  const all = prefix === '' && text === '';
  // every record is a find where nothing is searched for: no more are looked at than are shown
  const scan = all ? limit + 1 : LOOKED_AT;
  const result = await db.pool.query<{
    record_id: string;
    beginning: string | null;
    changed_at: Date;
    deleted_at: Date | null;
    fits: boolean;
    position: number;
  }>(
    `with looked as (
       select record_id, data, changed_at, deleted_at, row_number() over (order by record_id)::int as position,
              starts_with(record_id, $4) and ($5 = '' or strpos(lower(data::text), lower($5)) > 0) as fits
         from (select record_id, data, changed_at, deleted_at from sluice.records
                where connection_id = $1 and stream = $2 and record_id >= $4
                  and ($3::text is null or record_id > $3) and ($6 or deleted_at is null)
                order by record_id limit $7) part
     ), kept as (
       select * from (select * from looked where fits order by record_id limit $8) found
       union all
       select * from (select * from looked order by record_id desc limit 1) last
     )
     select distinct on (position) record_id, left(data::text, ${BEGINNING}) as beginning, changed_at, deleted_at, fits,
            position
       from kept order by position`,
    [connectionId, stream, after ?? null, prefix, text, deleted, scan, limit + 1],
  );
  const fits = result.rows.filter((row) => row.fits);
  const shown = fits.slice(0, limit);
  const last = result.rows.at(-1);
  const looked = last?.position ?? 0;
  const onward =
    fits.length > limit
      ? shown.at(-1)?.record_id
      : looked === scan && last?.record_id.startsWith(prefix) === true
        ? last.record_id
        : undefined;
  return {
    found: shown.map((row) => ({
      id: row.record_id,
      beginning: row.beginning ?? '',
      changedAt: row.changed_at.toISOString(),
      deletedAt: row.deleted_at?.toISOString() ?? null,
    })),
    next: onward ?? null,
    lookedAt: looked,
  };
}
