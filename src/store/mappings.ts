/** The user's own ids for a provider's organizations and locations. */
import type pg from 'pg';
import type { Db } from './db.ts';

type Queryable = Pick<pg.Pool | pg.PoolClient, 'query'>;

export interface MappingRow {
  readonly external: string;
  readonly own: string | null;
  /** the stream in whose records it stands; null where none of them has it (any more) */
  readonly stream: string | null;
  /** its record, live or deleted */
  readonly data: Readonly<Record<string, unknown>> | null;
}

/**
 * What is mapped, and every live record of these streams that could be, by external id. At most `limit` rows, those
 * after `after`.
 */
export async function listMappings(
  db: Queryable,
  connectionId: string,
  streams: readonly string[],
  page: { readonly after?: string | undefined; readonly limit: number },
): Promise<MappingRow[]> {
  const found = await db.query<MappingRow>(
    `with known as (
       select distinct on (record_id) record_id, stream, data, deleted_at from sluice.records
        where connection_id = $1 and stream = any($2::text[])
        order by record_id, deleted_at nulls first, array_position($2::text[], stream)
     )
     select coalesce(m.external, k.record_id) as external, m.own, k.stream, k.data
       from known k full join (select * from sluice.mappings where connection_id = $1) m on m.external = k.record_id
      where (m.external is not null or k.deleted_at is null)
        and ($3::text is null or coalesce(m.external, k.record_id) > $3)
      order by 1 limit $4`,
    [connectionId, streams, page.after ?? null, page.limit],
  );
  return found.rows;
}

/** Sets or (own: null) removes mappings, all or none; `replace` removes those that aren't named. */
export async function writeMappings(
  db: Db,
  connectionId: string,
  changes: readonly { readonly external: string; readonly own: string | null }[],
  replace: boolean,
): Promise<void> {
  await db.tx(async (client) => {
    if (replace) {
      const named = changes.map(({ external }) => external);
      await client.query(
        `delete from sluice.mappings where connection_id = $1 and external <> all($2::text[])`,
        [connectionId, named],
      );
    }
    for (const { external, own } of changes) {
      if (own === null) {
        await client.query(`delete from sluice.mappings where connection_id = $1 and external = $2`, [
          connectionId,
          external,
        ]);
      } else {
        await client.query(
          `insert into sluice.mappings (connection_id, external, own) values ($1, $2, $3)
           on conflict (connection_id, external) do update set own = excluded.own, updated_at = now()`,
          [connectionId, external, own],
        );
      }
    }
  });
}

/** Which of these ids no record of these streams has, and no mapping. */
export async function unknownExternals(
  db: Queryable,
  connectionId: string,
  streams: readonly string[],
  externals: readonly string[],
): Promise<string[]> {
  const found = await db.query<{ external: string }>(
    `select external from unnest($3::text[]) as given (external)
      where not exists (select 1 from sluice.records
        where connection_id = $1 and stream = any($2::text[]) and record_id = external)
        and not exists (select 1 from sluice.mappings m where m.connection_id = $1 and m.external = given.external)`,
    [connectionId, streams, externals],
  );
  return found.rows.map(({ external }) => external);
}
