/** The streams of a connection as its page shows them: how they are read, where they stand, what changed last. */
import type { ConnectionInput } from '../config/connection.ts';
import type { ErrorReport } from '../errors.ts';
import type { ProviderDefinition } from '../providers/contract.ts';
import { chosenStreams } from '../providers/resolve.ts';
import type { ConnectionRow } from '../store/connections.ts';
import type { Db } from '../store/db.ts';

export interface StreamGlance {
  readonly name: string;
  /** false: it was mirrored once, and is no longer */
  readonly chosen: boolean;
  /** how changes are found; null for one that is no longer chosen */
  readonly detect: string | null;
  readonly parent: string | null;
  readonly cursor: unknown;
  /** the next pass begins from the start */
  readonly restart: boolean;
  readonly lastSuccessAt: string | null;
  readonly lastFullAt: string | null;
  /** its newest change; `at` is null where that is no longer kept */
  readonly lastChange: { readonly seq: number; readonly at: string | null } | null;
  /** the schedule leaves it out until then */
  readonly forbidden: { readonly until: string; readonly error: ErrorReport | null } | null;
  /** records that could not be mirrored are there to be looked at */
  readonly hasRejected: boolean;
}

interface Row {
  readonly stream: string;
  readonly cursor: unknown;
  readonly restart: boolean;
  readonly last_success_at: Date | null;
  readonly last_full_at: Date | null;
  readonly last_seq: string;
  readonly changed_at: Date | null;
  readonly forbidden_until: Date | null;
  readonly forbidden_error: ErrorReport | null;
  readonly rejected: boolean;
}

/** Chosen ones first, each part in the order of their names. */
export async function streamGlances(
  db: Pick<Db, 'pool'>,
  row: ConnectionRow,
  findProvider: (id: string) => ProviderDefinition | undefined,
): Promise<StreamGlance[]> {
  const provider = findProvider(row.provider);
  const chosen = new Map(
    (provider === undefined ? [] : chosenStreams(row.config as ConnectionInput, provider)).map((stream) => [
      stream.name,
      stream,
    ]),
  );
  const stored = await db.pool.query<Row>(
    `select s.stream, s.cursor, s.restart, s.last_success_at, s.last_full_at, s.last_seq, c.changed_at,
            s.forbidden_until, s.forbidden_error,
            exists (select 1 from sluice.rejected_records j
                     where j.connection_id = s.connection_id and j.stream = s.stream) as rejected
       from sluice.streams s
       left join sluice.changes c
         on c.connection_id = s.connection_id and c.stream = s.stream and c.seq = s.last_seq
      where s.connection_id = $1`,
    [row.id],
  );
  const rows = new Map(stored.rows.map((found) => [found.stream, found]));
  const names = [...new Set([...chosen.keys(), ...rows.keys()])].sort(
    (one, other) => Number(chosen.has(other)) - Number(chosen.has(one)) || (one < other ? -1 : 1),
  );
  return names.map((name) => {
    const found = rows.get(name);
    const stream = chosen.get(name);
    const seq = Number(found?.last_seq ?? 0);
    return {
      name,
      chosen: stream !== undefined,
      detect: stream?.changes.detect ?? null,
      parent: stream?.parent ?? null,
      cursor: found?.cursor ?? null,
      restart: found?.restart ?? false,
      lastSuccessAt: found?.last_success_at?.toISOString() ?? null,
      lastFullAt: found?.last_full_at?.toISOString() ?? null,
      lastChange: seq === 0 ? null : { seq, at: found?.changed_at?.toISOString() ?? null },
      forbidden:
        found?.forbidden_until === null || found?.forbidden_until === undefined
          ? null
          : { until: found.forbidden_until.toISOString(), error: found.forbidden_error },
      hasRejected: found?.rejected ?? false,
    };
  });
}
