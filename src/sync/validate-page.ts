/** Takes a page's items apart: records that can be stored, and those that can't, with the reason. */
import { SluiceError } from '../errors.ts';
import { ExactNumber, idText, numberProblem, withPlainNumbers } from '../exact-json.ts';
import type { StreamDefinition } from '../providers/contract.ts';
import { canonical, deepJson, unstorable, type Canonical } from './canonical.ts';
import { fieldAt } from './field.ts';
import { updateTime } from './update-time.ts';
import type { IncomingRecord } from './writer.ts';

/** Longer ids can't be indexed. */
const MAX_ID_BYTES = 512;

export interface RejectedRecord {
  /** where it could be read */
  readonly id: string | null;
  readonly raw: Buffer;
  readonly reason: string;
}

export interface ValidatedPage {
  readonly records: IncomingRecord[];
  readonly rejected: RejectedRecord[];
}

/**
 * The array of a page.
 *
 * @throws SluiceError `response_unexpected` where there is none
 */
export function itemsOf(stream: StreamDefinition, body: unknown): unknown[] {
  const paths = [stream.items].flat();
  for (const path of paths) {
    const items = fieldAt(body, path);
    if (Array.isArray(items)) return items;
  }
  const where = paths.includes('') ? 'The answer' : `"${paths.join('" or "')}" in the answer`;
  throw new SluiceError('response_unexpected', `${where} for the stream ${stream.name} is not a list.`);
}

export function validatePage(
  stream: StreamDefinition,
  items: readonly unknown[],
  partition: string,
): ValidatedPage {
  const records: IncomingRecord[] = [];
  const rejected: RejectedRecord[] = [];
  for (const given of items) {
    const item = withoutOmitted(stream, given);
    const id = recordId(stream, item, partition);
    const text = canonicalOf(item);
    const problem =
      idProblem(id, stream) ??
      (text === undefined ? TOO_DEEP : textProblem(stream, item, text)) ??
      timeProblem(stream, item);
    if (problem === undefined && id !== undefined && text !== undefined) {
      records.push({ id, json: text.json, hash: text.hash, partition, version: versionOf(stream, item) });
    } else {
      const reason = problem ?? 'has no id';
      rejected.push({
        id: id === undefined || id.includes('\0') ? null : id.slice(0, MAX_ID_BYTES),
        raw: Buffer.from(text?.json ?? deepJson(item)),
        reason,
      });
    }
  }
  return { records, rejected };
}

/** A record as it is compared and stored. Only its own fields can be left out, not those further in. */
function withoutOmitted(stream: StreamDefinition, item: unknown): unknown {
  if (stream.omit === undefined || item === null || typeof item !== 'object' || Array.isArray(item))
    return item;
  if (!stream.omit.some((field) => Object.hasOwn(item, field))) return item;
  const kept = Object.entries(item).filter(([field]) => stream.omit?.includes(field) !== true);
  return Object.fromEntries(kept);
}

const TOO_DEEP = 'is nested too deep to be compared';

/** Undefined for a record so deep that the stringifier, which calls itself, runs out of stack. */
function canonicalOf(item: unknown): Canonical | undefined {
  try {
    return canonical(item);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** The id under which a record is stored, or undefined where it has none that can be. `parent` is its parent's id. */
export function idOf(stream: StreamDefinition, item: unknown, parent = ''): string | undefined {
  const id = recordId(stream, item, parent);
  return idProblem(id, stream) === undefined && id?.includes('\0') === false ? id : undefined;
}

function recordId(stream: StreamDefinition, item: unknown, parent: string): string | undefined {
  const fields = typeof stream.id === 'string' ? [stream.id] : stream.id;
  const parts: string[] = [];
  for (const field of fields) {
    const value = field === '{parent}' ? parent : fieldAt(item, field);
    const part = idText(value);
    if (part === undefined) return undefined;
    parts.push(part);
  }
  // A separator inside a part is doubled, so that no two combinations give the same id.
  return parts.length === 1 ? parts[0] : parts.map((part) => part.replaceAll('|', '||')).join('|:');
}

function idProblem(id: string | undefined, stream: StreamDefinition): string | undefined {
  if (id === undefined)
    return `has no usable ${typeof stream.id === 'string' ? stream.id : stream.id.join(', ')}`;
  if (Buffer.byteLength(id) > MAX_ID_BYTES) return `has an id of more than ${MAX_ID_BYTES} bytes`;
  return undefined;
}

/** The record's own version: its field, or the one that the watermark is made of. */
export function versionOf({ version, changes }: StreamDefinition, item: unknown): string | null {
  const field = version ?? (changes.detect === 'watermark' ? changes.field : undefined);
  const value = field === undefined ? undefined : fieldAt(item, field);
  return typeof value === 'string' || typeof value === 'number' || value instanceof ExactNumber
    ? String(value)
    : null;
}

/** What can't be asked for by its update time would be missing from the list, and count as gone. */
function timeProblem({ changes }: StreamDefinition, item: unknown): string | undefined {
  if (changes.detect !== 'watermark' || changes.order !== 'ascending') return undefined;
  return updateTime(changes, item) === undefined ? `has no readable ${changes.field}` : undefined;
}

function textProblem(stream: StreamDefinition, item: unknown, text: Canonical): string | undefined {
  const unstored = unstorable(text.json) ?? (text.hasExact ? numberProblem(item) : undefined);
  return unstored ?? schemaProblem(stream, text.hasExact ? withPlainNumbers(item) : item);
}

function schemaProblem(stream: StreamDefinition, item: unknown): string | undefined {
  const result = stream.schema.safeParse(item);
  if (result.success) return undefined;
  return result.error.issues
    .slice(0, 3)
    .map((issue) => `${issue.path.join('.') || 'record'}: ${issue.message}`)
    .join('; ')
    .slice(0, 500);
}
