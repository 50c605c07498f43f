/** The form of a stream that the user describes himself, key by key. */
import { z } from 'zod';
import type { ChangeDetection, Paging, StreamDefinition } from '../providers/contract.ts';
import { checkDuration } from './duration.ts';
import { given } from './given.ts';
import { rule, textRule } from './issues.ts';
import type { Checked } from './problem.ts';
import { httpLink, listOf, pageSize, scope } from './rules.ts';

/** A stream that the user describes himself. It gets its schema, which accepts any object, when it is resolved. */
export type CustomStream = Pick<
  StreamDefinition,
  | 'name'
  | 'path'
  | 'query'
  | 'parent'
  | 'restartsWith'
  | 'scopes'
  | 'items'
  | 'id'
  | 'paging'
  | 'changes'
  | 'version'
  | 'tombstones'
  | 'docs'
>;

const streamName = textRule((value) =>
  /^(?=.{1,63}$)[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(value)
    ? { value }
    : { message: 'is not a stream name', fix: 'Use a-z, 0-9 and single hyphens, beginning with a letter.' },
);

/** Whether it may hold `{parent}` or `{sequence}` depends on other keys. */
const path = textRule((value) => {
  const fix = 'Write a path below the API base, beginning with a slash, such as /vouchers.';
  if (!value.startsWith('/') || value.startsWith('//'))
    return { message: 'does not begin with one slash', fix };
  if (/[\s\\#?\p{Cc}]/u.test(value))
    return { message: 'holds a space, a backslash, ? or #', fix: `${fix} Use \`query\`.` };
  if (/(^|\/)(\.|%2e){1,2}(\/|$)/i.test(value)) return { message: 'holds a . or .. step', fix };
  if (value.length > 2000) return { message: 'is longer than 2000 characters', fix };
  if (/[{}]/.test(value.replaceAll(/\{(parent|sequence)\}/g, '')))
    return {
      message: 'holds a brace that is not of {parent} or {sequence}',
      fix: 'Write {parent} or {sequence}; percent-encode other braces as %7B and %7D.',
    };
  return { value };
});

const plainPath = textRule((value) => {
  const checked = path.safeParse(value);
  if (checked.success && !/[{}]/.test(value)) return { value };
  return {
    message: 'is not a plain path',
    fix: 'Write a path below the API base without {…}, such as /vouchers/max-sequence.',
  };
});

/** A field in an object, or in an object inside it: keys with dots between them. */
function checkDotted(value: string): Checked<string> {
  const isPath = value.split('.').every((key) => key.trim() !== '' && key.trim() === key);
  if (isPath && value.length <= 500 && !/\p{Cc}/u.test(value)) return { value };
  return {
    message: 'is not a dotted path',
    fix: 'Write field names with single dots between them, such as links.next.',
  };
}

const dotted = textRule(checkDotted);

const itemsPath = rule<string>((value) => {
  const fix = 'Write the dotted path of the array in the answer; "" where the answer is the array.';
  if (typeof value !== 'string') return { message: 'is not text', fix };
  const checked = value === '' ? { value } : checkDotted(value);
  return 'value' in checked ? checked : { ...checked, fix };
});

export const parameter = textRule((value) =>
  /^[^\s&=#?\p{Cc}]{1,200}$/u.test(value)
    ? { value }
    : { message: 'is not the name of a query parameter', fix: 'Write the name alone, such as limit.' },
);

// RFC 9110, section 5.1: a token
const header = textRule((value) =>
  /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}$/.test(value)
    ? { value }
    : { message: 'is not the name of a header', fix: 'Write the name alone, such as X-Next-Page.' },
);

const size = pageSize.optional();
const orDefault = pageSize.default(100);

const paging = z.discriminatedUnion('style', [
  z.strictObject({ style: z.literal('none') }),
  z.strictObject({
    style: z.literal('next-link'),
    at: dotted.describe("the dotted path of the next page's URL in the body, such as links.next"),
    sizeParam: parameter.optional(),
    pageSize: size,
  }),
  z.strictObject({
    style: z.literal('next-header'),
    header: header.describe("the name of the header that holds the next page's URL"),
    sizeParam: parameter.optional(),
    pageSize: size,
  }),
  z.strictObject({
    style: z.literal('offset'),
    offsetParam: parameter.default('offset'),
    sizeParam: parameter.default('limit'),
    pageSize: orDefault,
  }),
  z.strictObject({
    style: z.literal('page'),
    pageParam: parameter.default('page'),
    sizeParam: parameter.default('limit'),
    pageSize: orDefault,
    firstPage: z.number().int().min(0).max(1).optional(),
  }),
  z.strictObject({
    style: z.literal('sequence'),
    sizeParam: parameter.describe('the name of the parameter that sizes a page, such as limit'),
    // a feed that counts the given number in gives that record again: a page of one would come no further
    pageSize: z.number().int().min(2).max(10_000).default(1000),
    maximumAt: dotted.describe('the dotted path in the body of the highest number that the answer covers'),
    numberAt: dotted.describe("the dotted path in a record of the record's own number"),
    currentMaximumPath: plainPath.optional(),
  }),
]);

const timeFormat = z.enum(['iso', 'epoch-seconds', 'epoch-milliseconds']);
const watermark = {
  detect: z.literal('watermark'),
  overlap: rule((value) => checkDuration(value, '0s', '30d')).optional(),
  format: timeFormat.optional(),
};
const updateTime = dotted.describe("the dotted path in a record of the record's update time");

/** `full`, which is `{ detect: full }`; a watermark needs the long form. */
const changes = z.union([
  z.enum(['full', 'sequence']),
  z.discriminatedUnion('detect', [
    z.strictObject({ detect: z.literal('full') }),
    z.strictObject({ detect: z.literal('sequence') }),
    z.discriminatedUnion('order', [
      z.strictObject({
        ...watermark,
        order: z.literal('newest-first'),
        field: updateTime.optional(),
        completeQuery: z.record(z.string(), z.string()).optional(),
      }),
      z.strictObject({
        ...watermark,
        order: z.literal('ascending'),
        field: updateTime,
        since: z.strictObject({
          param: parameter.describe('the name of the query parameter that asks for what is newer'),
          format: timeFormat.optional(),
          prefix: z.string().min(1).optional(),
        }),
      }),
    ]),
  ]),
]);

const tombstone = z.strictObject({
  field: dotted.describe('the dotted path in a record of the field that marks it as deleted'),
  values: z
    .array(
      rule<string | boolean>((value) =>
        (typeof value === 'string' && value !== '') || typeof value === 'boolean'
          ? { value }
          : { message: 'is neither text nor true or false', fix: 'Write text, true or false.' },
      ),
    )
    .min(1)
    .describe('a list of the values that mean deleted, such as [true] or [DELETED]'),
});

export const customStreams = z.array(
  z.strictObject({
    name: streamName,
    path,
    query: z.record(z.string(), z.string()).optional(),
    parent: z.string().min(1).optional(),
    restartsWith: z.string().min(1).optional(),
    scopes: listOf(scope, 'a list of scopes').optional(),
    items: itemsPath.optional(),
    id: z
      .union([dotted, listOf(dotted, 'a list of fields').min(1)])
      .describe('the field that identifies a record, or a list of fields'),
    paging: paging.optional(),
    changes: changes.optional(),
    version: dotted.optional(),
    tombstones: z.array(tombstone).min(1).optional(),
    docs: httpLink.optional(),
  }),
);

type CustomStreamBody = z.output<typeof customStreams>[number];

/** The stream in the form of the provider contract, its defaults filled in. */
export function toCustomStream(body: CustomStreamBody): CustomStream {
  const { query, parent, restartsWith, version, tombstones, docs } = body;
  const pages: Paging = given(body.paging ?? { style: 'none' as const });
  return {
    name: body.name,
    path: body.path,
    ...given({ query, parent, restartsWith, version, tombstones, docs }),
    scopes: body.scopes ?? [],
    items: body.items ?? '',
    id: body.id,
    paging: pages,
    changes: detectionOf(body.changes ?? 'full'),
  };
}

function detectionOf(changes: NonNullable<CustomStreamBody['changes']>): ChangeDetection {
  if (typeof changes === 'string') return { detect: changes };
  if (changes.detect !== 'watermark') return changes;
  const { overlap: overlapMs, format } = changes;
  const common = { detect: changes.detect, ...given({ overlapMs, format }) };
  if (changes.order === 'ascending')
    return { ...common, order: changes.order, field: changes.field, since: given(changes.since) };
  const { order, field, completeQuery } = changes;
  return { ...common, order, ...given({ field, completeQuery }) };
}
