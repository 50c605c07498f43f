/** How failures of a token endpoint are remembered, so that a fleet does not make an outage worse. */
import { catalogue, SluiceError, type ErrorCode } from '../errors.ts';
import type { FailureMemory } from './cache.ts';

/** A wrong setting stays wrong until someone changes it; a changed one is another subject and tried at once. */
const CONFIG_FAILURE_MS = 60_000;
const BACKOFF_BASE_MS = 1_000;
const BACKOFF_CAP_MS = 5 * 60_000;

/**
 * The memory after one more failure. Trouble that time can end: full jitter, `random(0, min(5 min, 1 s * 2^n))`,
 * with the moment that the endpoint named as the floor. A configuration error: a minute.
 *
 * @param random 0 (included) to 1 (excluded)
 */
export function nextFailure(
  error: SluiceError,
  previous: FailureMemory | null,
  now: number,
  random: () => number,
): FailureMemory {
  const before = previous?.failures ?? 0;
  const { code, message, advice, details } = error;
  const named = details['retryAt'];
  return {
    failures: before + 1,
    since: previous?.since ?? now,
    retryAt: Math.max(
      error.kind === 'config' ? now + CONFIG_FAILURE_MS : now + backoff(before, random),
      // what the endpoint named is a floor for every kind of failure
      typeof named === 'number' ? named : 0,
    ),
    error: { code, message, advice, details },
  };
}

function backoff(before: number, random: () => number): number {
  return Math.floor(random() * Math.min(BACKOFF_CAP_MS, BACKOFF_BASE_MS * 2 ** before));
}

/**
 * What a shared cache holds, read back; null where it is none of ours: a damaged memory counts as no failure.
 *
 * @param stored whatever lay there
 */
export function readFailure(stored: unknown): FailureMemory | null {
  if (typeof stored !== 'object' || stored === null) return null;
  const { failures, since, retryAt, error } = stored as Record<string, unknown>;
  if (![failures, since, retryAt].every((number) => Number.isFinite(number))) return null;
  if (typeof error !== 'object' || error === null) return null;
  const { code, message, advice, details } = error as Record<string, unknown>;
  if (typeof code !== 'string' || typeof message !== 'string' || typeof advice !== 'string') return null;
  if (typeof details !== 'object' || details === null) return null;
  return {
    failures: Number(failures),
    since: Number(since),
    retryAt: Number(retryAt),
    error: { code, message, advice, details: details as Record<string, unknown> },
  };
}

/** The remembered error again, without a request. `details.retryAt` says when one is made, unless it is a setting. */
export function rememberedError({ error, retryAt }: FailureMemory): SluiceError {
  const code = error.code in catalogue ? (error.code as ErrorCode) : 'token_endpoint_unavailable';
  return timedError(
    new SluiceError(code, error.message, { advice: error.advice, details: error.details }),
    retryAt,
    { remembered: true },
  );
}

/** The same error with the moment of the next request, where waiting helps. */
export function timedError(
  error: SluiceError,
  retryAt: number,
  more: Readonly<Record<string, unknown>> = {},
): SluiceError {
  return new SluiceError(error.code, error.message, {
    advice: error.advice,
    cause: error.cause,
    details: { ...error.details, ...more, ...(error.kind === 'config' ? {} : { retryAt }) },
  });
}
