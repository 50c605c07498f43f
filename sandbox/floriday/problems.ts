/**
 * The error answers of the simulated Floriday: ValidationProblemDetails, as the descriptions of both APIs have it.
 * https://developer.floriday.io/docs/error-codes
 */

import { json } from '../http.ts';
import type { Answer } from '../http.ts';

const TITLES: Readonly<Record<number, string>> = {
  400: 'Validation error',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not found',
  405: 'Method not allowed',
  423: 'Locked',
  429: 'Too many requests',
};

export interface ProblemOptions {
  readonly detail: string;
  readonly domainErrorCode?: string;
  /** by parameter */
  readonly errors?: Readonly<Record<string, readonly string[]>>;
  readonly headers?: Record<string, string>;
}

export function problem(status: number, options: ProblemOptions): Answer {
  const { detail, domainErrorCode, errors, headers } = options;
  const code = domainErrorCode === undefined ? {} : { domainErrorCode };
  const page = 'https://developer.floriday.io/docs/error-codes';
  return json(
    status,
    {
      type: domainErrorCode === undefined ? page : `${page}#${domainErrorCode}`,
      title: TITLES[status] ?? 'Unknown error',
      status,
      detail,
      ...(errors === undefined ? {} : { errors }),
      ...code,
    },
    headers,
  );
}

/** A request that is answered by a problem document. */
export class Refusal extends Error {
  readonly status: number;
  readonly options: ProblemOptions;

  constructor(status: number, options: ProblemOptions) {
    super(options.detail);
    this.status = status;
    this.options = options;
  }
}

/** A 400 about one query or path parameter. */
export function invalid(parameter: string, detail: string): Refusal {
  return new Refusal(400, {
    detail,
    errors: { [parameter]: [detail] },
    domainErrorCode: 'invalid-parameters',
  });
}
