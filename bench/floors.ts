/** What nobody can do without: the same pages, fetched, parsed and written by the shortest loops there are. */
import { text, jsonb, pgSchema } from 'drizzle-orm/pg-core';
import { sql } from 'drizzle-orm';
import type { Db } from '../src/store/db.ts';

interface Item {
  readonly id: string;
}
interface Page {
  readonly items: readonly Item[];
  readonly next: string | null;
}

const floor = pgSchema('floor');
const rows = floor.table('rows', { id: text().primaryKey(), data: jsonb().notNull() });

/** A table of the floors' own, with an id and a body. */
export async function makeFloorTable(db: Db): Promise<void> {
  await db.pool.query('create schema if not exists floor');
  await db.pool.query('create table if not exists floor.rows (id text primary key, data jsonb not null)');
}

export async function emptyFloorTable(db: Db): Promise<void> {
  await db.pool.query('truncate floor.rows');
}

/** One list from its first page to its last; returns how many records it had. No page is fetched ahead. */
async function loop(
  origin: string,
  size: number,
  write: (items: readonly Item[]) => Promise<unknown>,
): Promise<number> {
  let count = 0;
  let next: string | null = `/api/records?limit=${size}`;
  while (next !== null) {
    const answer = await fetch(origin + next);
    const page = JSON.parse(await answer.text()) as Page;
    await write(page.items);
    count += page.items.length;
    next = page.next;
  }
  return count;
}

export type Floor = (db: Db, origin: string, size: number) => Promise<number>;

/** One upsert a page, its rows as two arrays. */
export const bareLoop: Floor = (db, origin, size) =>
  loop(origin, size, (items) =>
    db.pool.query(
      `insert into floor.rows (id, data) select id, data::jsonb from unnest($1::text[], $2::text[]) as i (id, data)
       on conflict (id) do update set data = excluded.data`,
      [items.map(({ id }) => id), items.map((item) => JSON.stringify(item))],
    ),
  );

/** Nothing is written: what only comes and is parsed. No way of syncing can be faster. */
export const readOnly: Floor = (_db, origin, size) => loop(origin, size, async () => undefined);

/** One upsert a page, made by drizzle's `values`. */
export const drizzleValues: Floor = (db, origin, size) =>
  loop(origin, size, (items) =>
    db.orm
      .insert(rows)
      .values(items.map((item) => ({ id: item.id, data: item })))
      .onConflictDoUpdate({ target: rows.id, set: { data: sql`excluded.data` } }),
  );

/** One upsert a record, each a transaction of its own. */
export const rowByRow: Floor = (db, origin, size) =>
  loop(origin, size, async (items) => {
    for (const item of items)
      await db.pool.query(
        `insert into floor.rows (id, data) values ($1, $2) on conflict (id) do update set data = excluded.data`,
        [item.id, JSON.stringify(item)],
      );
  });
