/** Update times: read from a record, written into a request, and what those of a page say about its order. */
import { ExactNumber } from '../exact-json.ts';
import type { StreamDefinition, TimeFormat, Watermark } from '../providers/contract.ts';
import { fieldAt } from './field.ts';

/** @throws Error for a stream that has none: its definition sent it to the wrong walk */
export function watermarkOf(stream: StreamDefinition): Watermark {
  if (stream.changes.detect === 'watermark') return stream.changes;
  throw new Error(`the stream ${stream.name} has no watermark`);
}

/** A record's update time in milliseconds since 1970; undefined where it has none that can be read. */
export function updateTime(changes: Watermark, item: unknown): number | undefined {
  if (changes.field === undefined) return undefined;
  return readTime(fieldAt(item, changes.field), changes.format ?? 'iso');
}

/** what a Date can hold, in milliseconds */
const LAST_MOMENT = 8.64e15;

/** Text without an offset counts as UTC, whatever the zone of this machine. */
export function readTime(value: unknown, format: TimeFormat): number | undefined {
  if (format === 'iso') {
    if (typeof value !== 'string' || !/^\d{4}-\d\d-\d\d/.test(value)) return undefined;
    const local = /\d\d:\d\d(:\d\d(\.\d+)?)?$/.test(value) && !/[+-]\d\d:\d\d$/.test(value);
    const at = Date.parse(local ? `${value}Z` : value);
    return Number.isNaN(at) ? undefined : at;
  }
  const isText = typeof value === 'string' && /^\d+(\.\d+)?$/.test(value);
  const count = isText || value instanceof ExactNumber ? Number(value) : value;
  if (typeof count !== 'number' || !Number.isFinite(count)) return undefined;
  const at = Math.floor(format === 'epoch-seconds' ? count * 1000 : count);
  return Math.abs(at) > LAST_MOMENT ? undefined : at;
}

/** Rounded down, so that what is asked for never begins too late. */
export function writeTime(at: number, format: TimeFormat): string {
  if (format === 'iso') return new Date(at).toISOString();
  return String(Math.floor(format === 'epoch-seconds' ? at / 1000 : at));
}

/** The smallest step that a format can write, in milliseconds. */
export function resolutionMs(format: TimeFormat): number {
  return format === 'epoch-seconds' ? 1000 : 1;
}

export interface PageTimes {
  readonly newest: number | null;
  /** of the last record that has one */
  readonly last: number | null;
  /** false where the records don't stand in the order that the definition states */
  readonly ordered: boolean;
}

export function pageTimes(changes: Watermark, items: readonly unknown[]): PageTimes {
  let newest: number | null = null;
  let last: number | null = null;
  let ordered = true;
  for (const item of items) {
    const at = updateTime(changes, item);
    if (at === undefined) continue;
    if (last !== null && (changes.order === 'ascending' ? at < last : at > last)) ordered = false;
    newest = newest === null ? at : Math.max(newest, at);
    last = at;
  }
  return { newest, last, ordered };
}
