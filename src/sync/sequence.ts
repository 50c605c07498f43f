/**
 * The rules of a sequence feed: what an answer says about where to go on, and when a pass is over.
 *
 * Numbers are 64-bit at the provider. Above 2^53 they could not be read exactly, so that such an answer is refused
 * instead of being rounded.
 */
import { SluiceError } from '../errors.ts';
import { ExactNumber } from '../exact-json.ts';
import type { ResolvedConnection } from '../providers/connection.ts';
import type { Paging, StreamDefinition } from '../providers/contract.ts';
import { fieldAt } from './field.ts';
import { firstPage } from './paging.ts';
import { itemsOf } from './validate-page.ts';

type SequencePaging = Extract<Paging, { style: 'sequence' }>;

/** @throws SluiceError `config_invalid` where the definition of the stream says something else */
export function sequencePaging(stream: StreamDefinition): SequencePaging {
  if (stream.paging.style === 'sequence') return stream.paging;
  throw new SluiceError(
    'config_invalid',
    `The stream ${stream.name} detects changes by a number it can't page by.`,
  );
}

/** The URL that answers what changed after `sequence`. */
export function sequencePage(
  connection: ResolvedConnection,
  stream: StreamDefinition,
  sequence: number,
  parent: string,
): string {
  const path = stream.path.replaceAll('{sequence}', String(sequence));
  return firstPage(connection, { ...stream, path }, parent);
}

/** The URL that answers the feed's highest number, where there is one. */
export function maximumPage(connection: ResolvedConnection, stream: StreamDefinition): string | undefined {
  const path = sequencePaging(stream).currentMaximumPath;
  return path === undefined ? undefined : `${connection.endpoints.api ?? ''}${path}`;
}

/**
 * A sequence number of an answer.
 *
 * @throws SluiceError `response_unexpected` for what is none, or is too large to be exact
 */
export function sequenceNumber(read: unknown, where: string): number {
  const value = nearest(read);
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  if (typeof value === 'number' && value > Number.MAX_SAFE_INTEGER) {
    throw new SluiceError(
      'response_unexpected',
      `The sequence number in ${where} is larger than ${Number.MAX_SAFE_INTEGER} and can't be read exactly.`,
      {
        advice:
          'Report this to the makers of Sluice: nothing was stored, and the stream stands where it stood.',
      },
    );
  }
  throw new SluiceError('response_unexpected', `The sequence number in ${where} is not a whole number.`);
}

export interface SequenceAnswer {
  readonly items: readonly unknown[];
  /** where to go on; equal to the given number where the answer leads no further */
  readonly next: number;
}

/**
 * Reads an answer to `given`. The next number is the highest among the records; where none exceeds the given one,
 * the answer's own maximum, since a page can be emptied by filters and still have looked further. The answer's
 * maximum is never taken over a record's number: should it mean the whole feed, that would skip what lies between.
 *
 * @throws SluiceError `response_unexpected`
 */
export function readAnswer(stream: StreamDefinition, body: unknown, given: number): SequenceAnswer {
  const paging = sequencePaging(stream);
  const items = itemsOf(stream, body);
  const maximum = sequenceNumber(
    fieldAt(body, paging.maximumAt),
    `"${paging.maximumAt}" for the stream ${stream.name}`,
  );
  const highest = Math.max(given, ...items.map((item) => numberOf(stream, item)));
  return { items, next: highest > given ? highest : Math.max(given, maximum) };
}

/** A record without a proper number is refused by its schema; it says nothing about where to go on. */
export function numberOf(stream: StreamDefinition, item: unknown): number {
  const value = nearest(fieldAt(item, sequencePaging(stream).numberAt));
  if (typeof value !== 'number' || value < 0 || (value < Number.MAX_SAFE_INTEGER && !Number.isInteger(value)))
    return 0;
  return sequenceNumber(value, `a record of the stream ${stream.name}`);
}

/** A number of any length as one that can be compared; one that is too long is refused for its size. */
function nearest(value: unknown): unknown {
  return value instanceof ExactNumber ? Number(value.digits) : value;
}
