/** Records as CSV: a column for each documented field of the stream, and one for everything else. */
import { Readable } from 'node:stream';
import { stringify } from 'csv-stringify';
import { z } from 'zod';
import { exactJson } from '../exact-json.ts';
import type { StreamDefinition } from '../providers/contract.ts';
import type { RecordView } from '../sync/read-records.ts';

const OWN_COLUMNS = ['id', 'changedAt', 'deletedAt'] as const;
/** JSON of the fields that the stream doesn't document; empty where there are none */
const MORE = '_more';

/**
 * The text of the file, piece by piece (RFC 4180). Objects and arrays stand as JSON; null and absent are empty. A text
 * that a spreadsheet would run as a formula gets a `'` in front (OWASP, "CSV Injection"). Nothing is documented of an
 * unknown stream.
 */
export function csvOf(
  records: AsyncIterable<RecordView>,
  stream: StreamDefinition | undefined,
): AsyncIterable<string> {
  const fields = stream === undefined ? [] : fieldsOf(stream);
  const documented = new Set(fields);
  const stringifier = stringify({
    header: true,
    columns: [...OWN_COLUMNS, ...fields.map(columnOf), MORE].map((header, index) => ({
      key: String(index),
      header,
    })),
    record_delimiter: 'windows',
    escape_formulas: true,
    cast: {
      boolean: String,
      object: (value) => exactJson(value),
    },
  });
  stringifier.setEncoding('utf8');
  const rows = Readable.from(cellsOf(records, fields, documented));
  rows.once('error', (error) => stringifier.destroy(error));
  stringifier.once('close', () => rows.destroy());
  return rows.pipe(stringifier);
}

async function* cellsOf(
  records: AsyncIterable<RecordView>,
  fields: readonly string[],
  documented: ReadonlySet<string>,
): AsyncGenerator<readonly unknown[]> {
  for await (const { id, changedAt, deletedAt, record } of records) {
    const body = isObject(record) ? record : {};
    const more = Object.entries(body).filter(([name]) => !documented.has(name));
    yield [
      id,
      changedAt,
      deletedAt,
      ...fields.map((name) => (Object.hasOwn(body, name) ? body[name] : null)),
      more.length === 0 ? null : Object.fromEntries(more),
    ];
  }
}

/** The fields that the provider documents, in its order; none where a stream accepts anything. */
function fieldsOf({ schema }: StreamDefinition): string[] {
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}

/** A field of the record whose name is taken says where it comes from. */
function columnOf(field: string): string {
  return [...OWN_COLUMNS, MORE].includes(field) ? `record.${field}` : field;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
