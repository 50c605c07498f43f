/**
 * Records that Postgres itself refuses for a reason nobody foresaw: nested deeper than its stack, or too large. They
 * are found one by one, so that the rest of their page is stored.
 */
import type { Db } from '../store/db.ts';
import type { RejectedRecord, ValidatedPage } from './validate-page.ts';
import type { IncomingRecord } from './writer.ts';

/** Classes of SQLSTATE that blame the data: 22 data exception, 54 program limit exceeded (Postgres, appendix A). */
const CONTENT_CLASSES = /^(?:22|54)/;

/** True for an error of Postgres that the content of a statement caused. */
export function isContentError(error: unknown): boolean {
  const code = error instanceof Error ? (error as Error & { code?: unknown }).code : undefined;
  return typeof code === 'string' && code.length === 5 && CONTENT_CLASSES.test(code);
}

/** Stores a page; where Postgres blames its content, once more without the records that it refuses. */
export async function withoutRefused<T>(
  db: Db,
  page: ValidatedPage,
  store: (page: ValidatedPage) => Promise<T>,
): Promise<T> {
  try {
    return await store(page);
  } catch (error) {
    if (!isContentError(error)) throw error;
    const refused = await findRefused(db, page.records);
    if (refused.length === 0) throw error;
    const ids = new Set(refused.map((record) => record.id));
    const records = page.records.filter((record) => !ids.has(record.id));
    return store({ records, rejected: [...page.rejected, ...refused] });
  }
}

/** Tries the records by halves, outside any transaction. Returns those that Postgres refuses, with what it says. */
export async function findRefused(db: Db, records: readonly IncomingRecord[]): Promise<RejectedRecord[]> {
  if (records.length === 0) return [];
  try {
    // In a list, as they are stored: that is one level deeper.
    await db.pool.query(
      `select count(('[' || body || ']')::jsonb), max(id), max(version)
         from unnest($1::text[], $2::text[], $3::text[]) as r (body, id, version)`,
      [
        records.map((record) => record.json),
        records.map((record) => record.id),
        records.map((record) => record.version),
      ],
    );
    return [];
  } catch (error) {
    if (!isContentError(error)) throw error;
    const [only] = records;
    if (records.length === 1 && only !== undefined) {
      return [
        { id: only.id, raw: Buffer.from(only.json), reason: `is refused by Postgres: ${messageOf(error)}` },
      ];
    }
    const half = Math.ceil(records.length / 2);
    return [
      ...(await findRefused(db, records.slice(0, half))),
      ...(await findRefused(db, records.slice(half))),
    ];
  }
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, 200);
}
