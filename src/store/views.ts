/**
 * Views of the mirror with a column for each field. They are made and widened, never narrowed or dropped: a query that
 * worked goes on working. Each is replaced in a transaction of its own, so that it is locked for a moment only.
 */
import { createHash } from 'node:crypto';
import pg from 'pg';
import { SluiceError } from '../errors.ts';
import { columnNames } from './view-names.ts';
import { createViewFunctions, readField, viewFunctionsHash, type ColumnType } from './view-functions.ts';

export interface ViewField {
  /** top-level field of the record */
  readonly field: string;
  readonly type: ColumnType;
}

export interface ViewDefinition {
  /** in the schema `sluice`, at most 63 bytes */
  readonly name: string;
  /** of this provider's connections, or of one connection */
  readonly of: { readonly provider: string } | { readonly connection: string };
  readonly stream: string;
  readonly fields: readonly ViewField[];
}

interface Column extends ViewField {
  readonly name: string;
}

interface StoredView {
  readonly name: string;
  readonly source: string;
  readonly columns: readonly Column[];
  readonly definition: string;
}

/** What every view has first: expression by name. `data` is the whole record, with what the schema doesn't name. */
const fixedColumns = {
  connection_id: 'r.connection_id',
  record_id: 'r.record_id',
  changed_at: 'r.changed_at',
  partition: `nullif(r.partition, '')`,
  data: 'r.data',
} as const;

/** A long query on a view would otherwise make all later ones wait behind us; in milliseconds. */
const LOCK_TIMEOUT_MS = 10_000;
const LOCK = `select pg_advisory_xact_lock(hashtextextended('sluice views', 0))`;

/**
 * Makes the views that are missing and adds the columns that are new. Who may read `sluice.records` may read them too.
 * Returns the names of those that were made or changed.
 *
 * @throws SluiceError `view_name_taken` (config), `view_busy` (transient)
 */
export async function ensureViews(
  client: pg.ClientBase,
  definitions: readonly ViewDefinition[],
  options: { readonly lockTimeoutMs?: number } = {},
): Promise<string[]> {
  const current = await readStored(client);
  const changed: string[] = [];
  for (const definition of definitions) {
    if (isCurrent(definition, current.get(definition.name))) continue;
    await inTransaction(client, async () => {
      await client.query(LOCK);
      // another process may have been here while we waited
      const stored = (await readStored(client)).get(definition.name);
      if (isCurrent(definition, stored)) return;
      await client.query(`set local lock_timeout = ${options.lockTimeoutMs ?? LOCK_TIMEOUT_MS}`);
      await replaceView(client, definition, stored);
    });
    changed.push(definition.name);
  }
  await shareReading(client);
  return changed;
}

type Known = StoredView & {
  /** of the relation of that name: `v` is a view; null where there is none */
  readonly kind: string | null;
};

async function readStored(client: pg.ClientBase): Promise<Map<string, Known>> {
  const result = await client.query<Known>(
    `select coalesce(v.name, c.relname) as name, coalesce(v.source, '') as source, coalesce(v.columns, '[]') as columns,
            coalesce(v.definition, '') as definition, c.relkind as kind
       from sluice.views v
       full join (select relname, relkind from pg_class where relnamespace = 'sluice'::regnamespace) c
         on c.relname = v.name`,
  );
  return new Map(result.rows.map((row) => [row.name, row]));
}

function isCurrent(definition: ViewDefinition, known: Known | undefined): boolean {
  if (known?.kind !== 'v') return false;
  return known.definition === hashOf(definition, columnsOf(definition, known.columns));
}

/** Stored columns keep name, type and place; new fields follow. */
function columnsOf(definition: ViewDefinition, stored: readonly Column[]): Column[] {
  const known = new Set(stored.map(({ field }) => field));
  const added = definition.fields.filter(({ field }) => !known.has(field));
  const taken = [...Object.keys(fixedColumns), ...stored.map(({ name }) => name)];
  const names = columnNames(
    added.map(({ field }) => field),
    taken,
  );
  return [...stored, ...added.map((field, index) => ({ ...field, name: names[index] ?? field.field }))];
}

async function replaceView(
  client: pg.ClientBase,
  definition: ViewDefinition,
  known: Known | undefined,
): Promise<void> {
  const source = sourceOf(definition);
  const ours = known === undefined || known.source === source;
  if (!ours || (known?.kind !== undefined && known.kind !== null && known.kind !== 'v'))
    throw taken(definition);
  const columns = columnsOf(definition, known?.columns ?? []);
  try {
    await client.query(createViewFunctions);
    await client.query(createView(definition, columns));
  } catch (error) {
    throw explained(error, definition);
  }
  await client.query(comments(definition, columns));
  await client.query(
    `insert into sluice.views (name, source, columns, definition) values ($1, $2, $3, $4)
     on conflict (name) do update set columns = excluded.columns, definition = excluded.definition`,
    [definition.name, source, JSON.stringify(columns), hashOf(definition, columns)],
  );
}

function sourceOf({ of, stream }: ViewDefinition): string {
  return 'provider' in of ? `${of.provider}/${stream}` : `${of.connection}//${stream}`;
}

function createView({ name, of, stream }: ViewDefinition, columns: readonly Column[]): string {
  const expressions = [
    ...Object.entries(fixedColumns).map(([column, expression]) => `${expression} as ${quoted(column)}`),
    ...columns.map(
      ({ name: column, field, type }) => `${readField(literal(field), type)} as ${quoted(column)}`,
    ),
  ];
  const from =
    'provider' in of
      ? `sluice.records r join sluice.connections c on c.id = r.connection_id where c.provider = ${literal(of.provider)}`
      : `sluice.records r where r.connection_id = ${literal(of.connection)}`;
  return `create or replace view sluice.${quoted(name)} as
    select ${expressions.join(',\n           ')}
      from ${from} and r.stream = ${literal(stream)} and r.deleted_at is null`;
}

function comments(definition: ViewDefinition, columns: readonly Column[]): string {
  const view = `sluice.${quoted(definition.name)}`;
  const of = 'provider' in definition.of ? definition.of.provider : definition.of.connection;
  return [
    `comment on view ${view} is ${literal(`Live records of ${of} ${definition.stream}. Made by Sluice.`)};`,
    ...columns.map(
      ({ name, field }) => `comment on column ${view}.${quoted(name)} is ${literal(`field ${field}`)};`,
    ),
  ].join('\n');
}

function hashOf(definition: ViewDefinition, columns: readonly Column[]): string {
  return createHash('sha256')
    .update(`${viewFunctionsHash} ${createView(definition, columns)}`)
    .digest('hex')
    .slice(0, 32);
}

/**
 * Whoever may read `sluice.records` may read every view. Default privileges can't say that: they would cover tables
 * that a later version adds, also those that hold secrets.
 */
async function shareReading(client: pg.ClientBase): Promise<void> {
  const missing = await client.query<{ statement: string }>(
    `with readers as (
       select a.grantee from pg_class c, aclexplode(c.relacl) a
        where c.oid = 'sluice.records'::regclass and a.privilege_type = 'SELECT' and a.grantee <> c.relowner
     )
     select format('grant select on sluice.%I to %s', v.relname,
                   case when g.grantee = 0 then 'public' else g.grantee::regrole::text end) as statement
       from readers g, sluice.views own
       join pg_class v on v.relname = own.name and v.relnamespace = 'sluice'::regnamespace and v.relkind = 'v'
      where not exists (select from aclexplode(v.relacl) a
                         where a.grantee = g.grantee and a.privilege_type = 'SELECT')
      order by 1`,
  );
  for (const { statement } of missing.rows) await client.query(statement);
}

async function inTransaction(client: pg.ClientBase, work: () => Promise<void>): Promise<void> {
  await client.query('begin');
  try {
    await work();
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    throw error;
  }
}

function explained(error: unknown, definition: ViewDefinition): unknown {
  const code = (error as { code?: string }).code;
  if (code === '55P03')
    return new SluiceError('view_busy', `The view sluice.${definition.name} is in use.`, { cause: error });
  // a view of that name whose columns are not ours, or a type of that name
  if (code === '42P16' || code === '42809' || code === '42P07') return taken(definition, error);
  return error;
}

function taken({ name }: ViewDefinition, cause?: unknown): SluiceError {
  return new SluiceError('view_name_taken', `sluice.${name} is not a view that Sluice made.`, { cause });
}

function quoted(name: string): string {
  return pg.escapeIdentifier(name);
}

function literal(text: string): string {
  return pg.escapeLiteral(text);
}
