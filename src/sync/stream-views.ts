/**
 * The views that streams get: a column for each field that a stream's schema documents, typed as the schema says. The
 * schema's meaning is read from its JSON Schema, so that a provider says `format: date-time` where a text is a moment.
 */
import type pg from 'pg';
import { z } from 'zod';
import type { ConnectionInput } from '../config/connection.ts';
import type { ProviderDefinition, StreamDefinition } from '../providers/contract.ts';
import { resolveConnection } from '../providers/resolve.ts';
import { customViewName, providerViewName } from '../store/view-names.ts';
import type { ColumnType } from '../store/view-functions.ts';
import { ensureViews, type ViewDefinition, type ViewField } from '../store/views.ts';

/** Makes and widens the views of every stream that these providers offer. For `migrate`. */
export async function ensureProviderViews(
  client: pg.ClientBase,
  providers: readonly ProviderDefinition[],
): Promise<string[]> {
  return ensureViews(client, providers.flatMap(providerViews));
}

/** The same, and the views of these connections' custom streams. For `apply` and what else stores a connection. */
export async function ensureConnectionViews(
  client: pg.ClientBase,
  inputs: readonly ConnectionInput[],
  findProvider: (id: string) => ProviderDefinition | undefined,
): Promise<string[]> {
  const used = [...new Set(inputs.map((input) => input.provider))].map(findProvider);
  const providers = used.filter((provider) => provider !== undefined);
  return ensureViews(client, [
    ...providers.flatMap(providerViews),
    ...inputs.flatMap((input) => {
      const provider = providers.find(({ id }) => id === input.provider);
      return provider === undefined ? [] : customViews(input.id, customStreamsOf(input, provider));
    }),
  ]);
}

/** One view for each name of a stream; where a provider has two streams of a name, their fields stand side by side. */
export function providerViews(provider: ProviderDefinition): ViewDefinition[] {
  const byName = new Map<string, StreamDefinition[]>();
  for (const stream of provider.streams)
    byName.set(stream.name, [...(byName.get(stream.name) ?? []), stream]);
  return [...byName].map(([name, streams]) => ({
    name: providerViewName(provider.id, name),
    of: { provider: provider.id },
    stream: name,
    fields: mergeFields(streams.map((stream) => fieldsOf(stream.schema))),
  }));
}

/** Views of custom streams, which belong to one connection. */
export function customViews(connectionId: string, streams: readonly StreamDefinition[]): ViewDefinition[] {
  return streams.map((stream) => ({
    name: customViewName(connectionId, stream.name),
    of: { connection: connectionId },
    stream: stream.name,
    fields: fieldsOf(stream.schema),
  }));
}

function customStreamsOf(input: ConnectionInput, provider: ProviderDefinition): StreamDefinition[] {
  if (input.customStreams.length === 0) return [];
  const names = new Set(input.customStreams.map(({ name }) => name));
  return resolveConnection(input, provider).streams.filter(({ name }) => names.has(name));
}

/** The part of a JSON Schema that says what a field is. */
interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, JsonSchema>>;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly allOf?: readonly JsonSchema[];
}

/** The top-level fields of a record, in the schema's order. */
export function fieldsOf(schema: z.ZodType): ViewField[] {
  // `input`: records are stored as they came; what JSON Schema can't say has no type, and is read as jsonb
  const root = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
  const look = (found: JsonSchema): ViewField[][] => {
    const { properties, allOf, anyOf, oneOf } = followed(root, found);
    const own = Object.entries(properties ?? {}).map(([field, value]) => ({
      field,
      type: typeOf(root, value),
    }));
    return [own, ...[...(allOf ?? []), ...(anyOf ?? []), ...(oneOf ?? [])].flatMap(look)];
  };
  return mergeFields(look(root));
}

function mergeFields(lists: readonly (readonly ViewField[])[]): ViewField[] {
  const types = new Map<string, ColumnType>();
  for (const { field, type } of lists.flat()) {
    const known = types.get(field);
    types.set(field, known === undefined ? type : common([known, type]));
  }
  return [...types].map(([field, type]) => ({ field, type }));
}

function typeOf(root: JsonSchema, schema: JsonSchema): ColumnType {
  return common(kindsOf(root, schema));
}

/** Every type that a value may have, null apart. */
function kindsOf(root: JsonSchema, schema: JsonSchema): ColumnType[] {
  const { type, format, anyOf, oneOf, allOf, ...rest } = followed(root, schema);
  const parts = [...(anyOf ?? []), ...(oneOf ?? []), ...(allOf ?? [])];
  if (parts.length > 0) return parts.flatMap((part) => kindsOf(root, part));
  const constants = rest.enum ?? ('const' in rest ? [rest.const] : undefined);
  const types = typeof type === 'string' ? [type] : (type ?? constants?.map(jsonTypeOf) ?? ['any']);
  return types.filter((name) => name !== 'null').map((name) => columnTypeOf(name, format));
}

function columnTypeOf(type: string, format: string | undefined): ColumnType {
  switch (type) {
    case 'string':
      return format === 'date-time' ? 'timestamptz' : format === 'date' ? 'date' : 'text';
    case 'integer':
      return 'bigint';
    case 'number':
      return 'numeric';
    case 'boolean':
      return 'boolean';
    default:
      return 'jsonb';
  }
}

function jsonTypeOf(value: unknown): string {
  return value === null ? 'null' : typeof value;
}

/** The one type that holds values of all these: jsonb where one of them may be a tree, else text. */
function common(types: readonly ColumnType[]): ColumnType {
  const [first, ...others] = new Set(types);
  if (first === undefined) return 'jsonb';
  if (others.length === 0) return first;
  const all = [first, ...others];
  if (all.includes('jsonb')) return 'jsonb';
  return all.every((type) => type === 'bigint' || type === 'numeric') ? 'numeric' : 'text';
}

/** What a reference stands for. Zod keeps shared and recursive schemas under `$defs`. */
function followed(root: JsonSchema, schema: JsonSchema): JsonSchema {
  const name = /^#\/\$defs\/(.+)$/.exec(schema.$ref ?? '')?.[1];
  return name === undefined ? schema : (root.$defs?.[name] ?? {});
}
