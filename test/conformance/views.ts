/** Of the conformance suite: each stream's view shows each record, each field in a column of its type. */
import { expect, it } from 'vitest';
import { providerViews } from '../../src/sync/stream-views.ts';
import type { Subject } from './subject.ts';

const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d/;
const DAY = /^\d{4}-\d\d-\d\d$/;

export function itShowsViews(ready: () => Subject): void {
  it('shows every stream in its view, each field in a column of its type', async () => {
    const { fleet, streams, provider } = ready();
    const { pool } = fleet.database.db;
    for (const { name, stream, fields } of providerViews(provider)) {
      if (!streams.some((one) => one.name === stream)) continue;
      const mirror = await fleet.mirror('main', stream);
      const shown = await pool.query<{ record_id: string; data: Row; shown: Row }>(
        `select record_id, data, to_jsonb(v) as shown from sluice.${name} v where connection_id = 'main'`,
      );
      const stored = await pool.query<{ columns: { field: string; name: string }[] }>(
        `select columns from sluice.views where name = $1`,
        [name],
      );
      const columns = new Map(stored.rows[0]?.columns.map((one) => [one.field, one.name]));
      expect(new Map(shown.rows.map((row) => [row.record_id, row.data])), name).toEqual(mirror);
      for (const row of shown.rows) {
        for (const { field, type } of fields) {
          const value = row.data[field] ?? null;
          const column = columns.get(field) ?? expect.unreachable(`${name} has no column for ${field}`);
          expect(comparable(row.shown[column], type), `${name}.${column}`).toEqual(comparable(value, type));
          // a field that holds moments or days says so in its schema, or its column couldn't be compared with a date
          if (typeof value === 'string' && MOMENT.test(value))
            expect(type, `${name}.${column}`).toBe('timestamptz');
          if (typeof value === 'string' && DAY.test(value)) expect(type, `${name}.${column}`).toBe('date');
        }
      }
    }
  });
}

type Row = Readonly<Record<string, unknown>>;

/** Moments are equal whatever their offset; a text column shows the id that came as a number. */
function comparable(value: unknown, type: string): unknown {
  if (value === null || value === undefined) return null;
  if (type === 'timestamptz' && typeof value === 'string') return Date.parse(value);
  return type === 'text' && typeof value === 'number' ? String(value) : value;
}
