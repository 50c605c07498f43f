/** Turns what goes wrong on a socket into an error of the catalogue, without anything secret in it. */
import { SluiceError } from '../errors.ts';

/** Codes of Node and OpenSSL for a certificate that can't be trusted (node: "TLS/SSL", X509 certificate error codes). */
const CERTIFICATE_CODES: ReadonlySet<string> = new Set([
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_REJECTED',
  'CERT_REVOKED',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'CERT_CHAIN_TOO_LONG',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'HOSTNAME_MISMATCH',
  'INVALID_CA',
  'INVALID_PURPOSE',
  'PATH_LENGTH_EXCEEDED',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'ERR_TLS_CERT_ALTNAME_FORMAT',
  // not a certificate, and yet as lasting: the port speaks no TLS at all
  'ERR_SSL_WRONG_VERSION_NUMBER',
]);

const EXPLANATIONS: Readonly<Record<string, string>> = {
  ENOTFOUND: 'the host name is unknown',
  EAI_AGAIN: 'the host name could not be resolved just now',
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection was reset',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  ETIMEDOUT: 'the connection timed out',
  EPIPE: 'the connection was closed',
  UND_ERR_CONNECT_TIMEOUT: 'no connection was made in time',
  UND_ERR_SOCKET: 'the connection was closed before the answer was complete',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'the answer is not as long as it says',
  HTTPParserError: 'the answer is not HTTP, or was cut short',
  UND_ERR_DESTROYED: 'Sluice is stopping',
  UND_ERR_CLOSED: 'Sluice is stopping',
};

/**
 * The catalogue's error for a failure of the transport: `tls_error`, `response_too_large` (headers),
 * `request_malformed` or `network_error`; an error of the catalogue passes as it is. `details.networkCode` is the code of Node, OpenSSL or undici,
 * `details.sent` is false where the request certainly never left this machine.
 * There is no `cause`: parser errors carry bytes of the answer, and those may be a token.
 */
export function transportError(error: unknown, label: string, sent: boolean): SluiceError {
  if (error instanceof SluiceError) return error;
  const networkCode = codeOf(error);
  const details = { networkCode, sent };
  if (networkCode === 'UND_ERR_INVALID_ARG') {
    return new SluiceError('request_malformed', `${label}: the request holds what HTTP does not allow.`);
  }
  if (CERTIFICATE_CODES.has(networkCode)) {
    return new SluiceError(
      'tls_error',
      `${label}: the certificate or TLS itself is not valid (${networkCode}).`,
      {
        details,
      },
    );
  }
  if (networkCode === 'UND_ERR_HEADERS_OVERFLOW') {
    return new SluiceError(
      'response_too_large',
      `${label} answered headers that are too large (${networkCode}).`,
      {
        details,
      },
    );
  }
  const explanation = EXPLANATIONS[networkCode] ?? 'the connection failed';
  return new SluiceError('network_error', `${label}: ${explanation} (${networkCode}).`, { details });
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  if (typeof code === 'string' && /^[A-Z0-9_]{1,64}$/.test(code)) return code;
  return error instanceof Error && error.name !== 'Error' ? error.name : 'unknown';
}
