/** What a person and the application reached, as seen once after a consent; it stands with the grant and holds no token. */
import type pg from 'pg';

type Queryable = Pick<pg.Pool | pg.PoolClient, 'query'>;

/** One of the provider's organizations, and who reached it. */
export interface SeenOrganization {
  readonly id: string;
  readonly name: string | null;
  /** by the token of the person who consented */
  readonly person: boolean;
  /** by the application's own token */
  readonly client: boolean;
}

export interface StoredSetup {
  /** ISO 8601 */
  readonly at: string;
  readonly organizations: readonly SeenOrganization[];
  /** there are more than are kept */
  readonly more: boolean;
  /** why the lists could not be read; null where they were */
  readonly error: { readonly code: string; readonly message: string; readonly advice: string } | null;
}

/** Keeps it with the consent that it came of; a newer consent keeps its own. */
export async function writeSetup(
  db: Queryable,
  consent: { readonly connectionId: string; readonly epoch: string },
  setup: StoredSetup,
): Promise<void> {
  await db.query(`update sluice.grants set setup = $3 where connection_id = $1 and epoch = $2`, [
    consent.connectionId,
    consent.epoch,
    JSON.stringify(setup),
  ]);
}
