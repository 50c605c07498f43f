/** The form of a connection's body: its keys, their types and their ranges. */
import { z } from 'zod';
import { endpointKeys } from '../providers/contract.ts';
import { customStreams } from './custom-stream.ts';
import { checkDuration } from './duration.ts';
import { rule, textRule } from './issues.ts';
import type { Checked } from './problem.ts';
import { checkUrl, listOf, pageSize, scope } from './rules.ts';
import { checkTimezone, parseSchedule } from './schedule.ts';

const text = z.string().min(1);

function duration(least: string, most: string) {
  return rule((value) => checkDuration(value, least, most)).optional();
}

function whole(least: number, most: number) {
  return z.number().int().min(least).max(most).optional();
}

function secretItem(value: unknown): Checked<string> | undefined {
  if (typeof value === 'number' || typeof value === 'boolean') {
    return {
      message: `is ${typeof value === 'number' ? 'a number' : 'true or false'}, not text`,
      fix: quoteFix,
    };
  }
  if (typeof value !== 'string') return { message: 'is not text', fix: 'Write text, or a list of texts.' };
  if (value.trim() === '') return { message: 'is empty', fix: 'Write a value, or remove the key.' };
  return undefined;
}

const quoteFix = 'Put it in quotes: an unquoted number loses its leading zeros and its last digits.';

/** Text, or several texts while a secret is being rotated. */
const secret = rule<string | readonly string[]>((value) => {
  if (value === null) return { message: 'is empty', fix: 'Write a value, or remove the key.' };
  if (!Array.isArray(value)) return secretItem(value) ?? { value: value as string };
  if (value.length === 0) return { message: 'is an empty list', fix: 'Write at least one value.' };
  for (const item of value as unknown[]) {
    const problem = secretItem(item);
    if (problem !== undefined) return problem;
  }
  return { value: value as string[] };
});

const endpointUrl = textRule((value) => {
  const checked = checkUrl(value);
  return 'url' in checked ? { value } : checked;
});

const apiUrl = textRule((value) => {
  const checked = checkUrl(value);
  if (!('url' in checked)) return checked;
  if (checked.url.search !== '') return { message: 'ends in a query', fix: 'Remove the part from ? on.' };
  if (value.endsWith('/')) return { message: 'ends in a slash', fix: 'Remove the slash at the end.' };
  return { value };
});

/** `Record` of the endpoint keys, so that a new key of the contract can't be forgotten here. */
const endpoints = z.strictObject(
  Object.fromEntries(
    endpointKeys.map((key) => [key, (key === 'api' ? apiUrl : endpointUrl).optional()]),
  ) as Record<(typeof endpointKeys)[number], z.ZodOptional<typeof endpointUrl>>,
);

/** What the protocol itself sends: a parameter of the user's must not replace it. */
const reservedParams = new Set([
  'grant_type',
  'client_id',
  'client_secret',
  'client_assertion',
  'client_assertion_type',
  'scope',
  'code',
  'code_verifier',
  'code_challenge',
  'code_challenge_method',
  'redirect_uri',
  'refresh_token',
  'response_type',
  'state',
  'nonce',
]);

const params = z.record(z.string(), text).superRefine((values, context) => {
  for (const key of Object.keys(values).filter((name) => reservedParams.has(name))) {
    const fix = { fix: 'Remove it: Sluice sends this parameter itself.' };
    context.addIssue({ code: 'custom', message: 'is a parameter of the protocol', path: [key], params: fix });
  }
});

const retry = z
  .strictObject({
    attempts: whole(1, 50),
    baseDelay: duration('1ms', '1d'),
    maxDelay: duration('1ms', '7d'),
  })
  .superRefine((value, context) => {
    if ((value.baseDelay ?? 2000) <= (value.maxDelay ?? 900_000)) return;
    const params = { fix: 'Make baseDelay (default 2s) no longer than maxDelay (default 15m).' };
    context.addIssue({ code: 'custom', message: 'is longer than maxDelay', path: ['baseDelay'], params });
  });

export const connectionSchema = z.strictObject({
  provider: text.describe("the provider's id; `sluice providers` lists them"),
  settings: z.record(z.string(), z.unknown()).optional(),
  credentials: z.record(z.string(), secret).optional(),
  scopes: listOf(scope, 'a list of scopes').optional(),
  streams: listOf(text, 'a list of stream names, or leave the key out for all of them').min(1).optional(),
  schedule: textRule((value) => {
    const parsed = parseSchedule(value);
    return 'value' in parsed ? { value: value.trim() } : parsed;
  }).optional(),
  timezone: textRule(checkTimezone).optional(),
  tokenPolicy: z.enum(['reuse', 'per-flow']).optional(),
  endpoints: endpoints.optional(),
  limits: z
    .strictObject({
      concurrency: whole(1, 50),
      requestsPerMinute: whole(1, 1_000_000),
      pageSize: pageSize.optional(),
    })
    .optional(),
  retry: retry.optional(),
  deletes: z
    .strictObject({ maxShare: z.number().min(0).max(1).optional(), minRows: whole(0, 1_000_000_000) })
    .optional(),
  fullEvery: duration('1s', '365d'),
  retention: z
    .strictObject({
      changes: duration('1h', '3650d'),
      // an event must be remembered as long as its provider may send it again
      events: duration('7d', '3650d'),
      runs: duration('1h', '3650d'),
    })
    .optional(),
  webhooks: z
    .strictObject({
      apply: z.enum(['payload', 'refetch']).optional(),
      scheme: z.enum(['provider', 'standard-webhooks']).optional(),
      streams: listOf(text, 'a list of stream names').min(1).optional(),
    })
    .superRefine((value, context) => {
      if (value.streams === undefined || value.scheme === 'standard-webhooks') return;
      const params = { fix: 'Write `scheme: standard-webhooks` beside it, or remove it.' };
      const message = 'means nothing without `scheme: standard-webhooks`';
      context.addIssue({ code: 'custom', message, path: ['streams'], params });
    })
    .optional(),
  oauth: z
    .strictObject({
      basicEncoding: z.enum(['raw', 'form']).optional(),
      pkce: z.boolean().optional(),
      prompt: text.optional(),
      params: params.optional(),
    })
    .optional(),
  customStreams: customStreams.optional(),
});

export type ConnectionBody = z.output<typeof connectionSchema>;
