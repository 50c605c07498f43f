/** Where a person may be sent when a consent is over: to this site, or to an origin that the operator listed. */
import { SluiceError } from '../../errors.ts';

/**
 * The absolute return URL, or null where none is given. A path counts from the public URL.
 *
 * @throws SluiceError `request_invalid` for any other origin, and for what is no http or https URL
 */
export function checkReturnUrl(
  given: string | null | undefined,
  publicUrl: string,
  allowedOrigins: readonly string[],
): string | null {
  if (given === null || given === undefined || given === '') return null;
  const url = URL.canParse(given, publicUrl) ? new URL(given, publicUrl) : undefined;
  const allowed = [new URL(publicUrl).origin, ...allowedOrigins];
  const isWeb =
    url !== undefined && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '';
  if (isWeb && allowed.includes(url.origin)) return url.href;
  throw new SluiceError('request_invalid', 'The return URL leads to a place that is not allowed.', {
    advice: `Use a URL of ${allowed.join(' or ')}, or list its origin in SLUICE_RETURN_ORIGINS.`,
  });
}

/** The return URL with what happened in its query: `connection`, `status`, and `code` of an error. */
export function withResult(
  returnUrl: string,
  result: { readonly connection: string; readonly code?: string },
): string {
  const url = new URL(returnUrl);
  url.searchParams.set('connection', result.connection);
  url.searchParams.set('status', result.code === undefined ? 'connected' : 'failed');
  if (result.code !== undefined) url.searchParams.set('code', result.code);
  return url.href;
}
