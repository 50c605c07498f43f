/**
 * The functions with which views read typed values out of a record. A value that its type can't hold becomes null:
 * one bad value must not make a whole view unreadable. Postgres can ask that of itself only since version 16, so each
 * function looks before it casts.
 *
 * They are plain SQL with one expression, which Postgres inlines; the body is parsed when they are made, so that
 * nobody's search path changes what they mean.
 */
import { createHash } from 'node:crypto';

/** A calendar day that exists, years 1 to 9999. */
const DAY = String.raw`(?!0000)(\d{4}-((0[13578]|1[02])-(0[1-9]|[12]\d|3[01])|(0[469]|11)-(0[1-9]|[12]\d|30)|02-(0[1-9]|1\d|2[0-8]))|(\d\d(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29)`;
/** More digits of a second than these make Postgres refuse the text. */
const TIME = String.raw`([01]\d|2[0-3]):[0-5]\d(:([0-5]\d|60)(\.\d{1,30})?)?`;
/** Postgres knows no offset of 16 hours or more. */
const OFFSET = String.raw`([Zz]|[+-](0\d|1[0-5])(:?[0-5]\d)?)`;

const bodies = {
  /** ISO 8601; without an offset it counts as UTC, whatever the time zone of the session */
  timestamptz: `case when v ~ '^${DAY}$' then (v || 'T00:00:00Z')::timestamptz
    when v ~ '^${DAY}[Tt ]${TIME}$' then (v || 'Z')::timestamptz
    when v ~ '^${DAY}[Tt ]${TIME}${OFFSET}$' then v::timestamptz end`,
  /** of a moment its day as it is written */
  date: `case when v ~ '^${DAY}([Tt ]${TIME}${OFFSET}?)?$' then substr(v, 1, 10)::date end`,
  boolean: `case when v in ('true', 'false') then v::boolean end`,
  numeric: String.raw`case when length(v) <= 1000 and v ~ '^-?\d+(\.\d+)?$' then v::numeric end`,
  /** a fraction is no whole number, and is not rounded into one */
  bigint: String.raw`case when v ~ '^-?\d{1,19}(\.0{1,100})?$' then
    case when v::numeric between -9223372036854775808 and 9223372036854775807 then v::numeric::bigint end end`,
} as const;

type Checked = keyof typeof bodies;

/** Types that a view's column can have. */
export type ColumnType = Checked | 'text' | 'jsonb';

/** Makes or replaces all of them. Whoever reads a view runs them, and they read nothing but what they are given. */
export const createViewFunctions = Object.entries(bodies)
  .map(
    ([type, body]) => `create or replace function sluice.read_${type}(v text) returns ${type}
    language sql stable parallel safe return ${body};
  grant execute on function sluice.read_${type}(text) to public;`,
  )
  .join('\n');

/** Changes with any of the functions. */
export const viewFunctionsHash = createHash('sha256').update(createViewFunctions).digest('hex').slice(0, 16);

/** The expression that reads a top-level field of `r.data`; `field` is a quoted literal. */
export function readField(field: string, type: ColumnType): string {
  if (type === 'text') return `r.data ->> ${field}`;
  // a JSON null is no value
  if (type === 'jsonb') return `nullif(r.data -> ${field}, 'null'::jsonb)`;
  return `sluice.read_${type}(r.data ->> ${field})`;
}
