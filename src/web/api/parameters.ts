/** Parameters that several routes take. */
import { z } from 'zod';
import { parseDuration } from '../../config/index.ts';
import { changeNumber } from '../../sync/read-changes.ts';
import { idParam } from './route.ts';

export const streamParams = z.strictObject({
  id: idParam('id of the connection'),
  stream: idParam('name of the stream'),
});
export const runParams = z.strictObject({ id: idParam('id of the run') });
export const eventParams = z.strictObject({ id: idParam('id of the event') });
export const providerParams = z.strictObject({ name: idParam('id of the provider') });

export const cursor = z.string().min(1).max(4000).optional().describe('`next` of the page before');

/** A whole number of a query. The metadata says what the text must be, for the description of the API. */
function whole(least: number, most: number, usual: number, what: string): z.ZodType<number> {
  const wrong = `is not a whole number from ${least} to ${most}`;
  return z
    .string()
    .regex(/^\d+$/, wrong)
    .optional()
    .transform((text) => (text === undefined ? usual : Number(text)))
    .refine((value) => value >= least && value <= most, wrong)
    .meta({
      description: what,
      type: 'integer',
      minimum: least,
      maximum: most,
      default: usual,
      pattern: undefined,
    });
}

export function limit(most: number, usual: number): z.ZodType<number> {
  return whole(1, most, usual, 'how many at most');
}

/** A number that no feed reaches is a number beyond the newest one, however long it is. */
export const after: z.ZodType<number> = z
  .string()
  .regex(/^\d+$/, 'is not a whole number from 0 on')
  .optional()
  .transform((text) => changeNumber(text ?? '0'))
  .meta({
    description: 'changes after this number',
    type: 'integer',
    minimum: 0,
    default: 0,
    pattern: undefined,
  });

export const flag = z
  .enum(['true', 'false'])
  .optional()
  .transform((text) => text === 'true');

/** Milliseconds of a duration such as `20s`, up to `mostMs`. */
export function duration(mostMs: number): z.ZodType<number> {
  return z
    .string()
    .optional()
    .transform((text, context) => {
      const value = text === undefined ? 0 : parseDuration(text);
      if (value !== undefined && value <= mostMs) return value;
      context.addIssue({ code: 'custom', message: `is not a duration such as 20s, up to ${mostMs / 1000}s` });
      return z.NEVER;
    });
}
