/** What a failure to reach a token endpoint, or to read its answer, means for a token. */
import { SluiceError, type ErrorCode } from '../errors.ts';

const unreachable: ReadonlySet<ErrorCode> = new Set(['request_timeout', 'network_error']);
const unreadable: ReadonlySet<ErrorCode> = new Set([
  'redirect_refused',
  'response_too_large',
  'response_unreadable',
]);

/**
 * The same failure as a `token_…` error. What only the user can mend (a refused host, a certificate, a character
 * that no header carries) already says so and stays as it is.
 */
export function transportFailure(error: unknown): unknown {
  if (!(error instanceof SluiceError)) return error;
  const { message, details } = error;
  if (unreachable.has(error.code)) {
    return new SluiceError('token_endpoint_unavailable', `The token endpoint is not available: ${message}`, {
      cause: error,
      details,
    });
  }
  if (unreadable.has(error.code)) {
    return new SluiceError(
      'token_response_invalid',
      `The token endpoint's answer can't be used: ${message}`,
      {
        cause: error,
        details,
      },
    );
  }
  return error;
}
