/**
 * What may not reach a log: copies a value so that secrets, request bodies and headers are left out.
 *
 * A walk over the value instead of pino's path list, since a secret's depth isn't known in advance and names
 * come in several spellings (`clientSecret`, `client_secret`, `Client-Secret`).
 */

/** Stands where a secret stood. */
const REDACTED = '[redacted]';

/** Deeper than anything that we log on purpose; a driver's error may hold half the process. */
const MAX_DEPTH = 8;
const MAX_ITEMS = 100;
const MAX_CAUSES = 8;

/** Tested on names in lower case without `_`, `-` and spaces. Plurals of `token` are counts (`maxTokens`). */
const SECRET_NAME =
  /(?:token|secrets?|passwords?|passwd|authorization|apikeys?|cookies?|credentials?|privatekey|encryptionkeys?|codeverifier|clientassertion)$/;

/** Facts of an error that help and can't carry a body: ours, Node's, and those of Postgres. */
const ERROR_FACTS = [
  'code',
  'kind',
  'advice',
  'status',
  'errno',
  'syscall',
  'address',
  'port',
  'constraint',
  'table',
];

const BEARER = /\b(Bearer|Basic)\s+[A-Za-z0-9._~+/-]{8,}=*/gi;
const URL_PASSWORD = /(\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@]*:)[^\s/@]+@/gi;
const QUERY_SECRET =
  /([?&](?:access_token|refresh_token|id_token|client_secret|code|key|api_key|token)=)[^&\s"'#]+/gi;

/** Takes out of a text what looks like a credential: authorization values, passwords and tokens in URLs. */
export function scrub(text: string): string {
  return text
    .replace(BEARER, `$1 ${REDACTED}`)
    .replace(URL_PASSWORD, `$1${REDACTED}@`)
    .replace(QUERY_SECRET, `$1${REDACTED}`);
}

/** Query errors of drizzle end in the values that were bound, which may be records or ciphertext. */
export function withoutParameters(message: string): string {
  const at = message.indexOf('\nparams: ');
  return at === -1 ? message : message.slice(0, at);
}

/** A function that copies an object for the log. `extraNames` are further property names to hide. */
export function redactor(extraNames: readonly string[] = []): (value: object) => Record<string, unknown> {
  const extra = new Set(extraNames.map(plainName));
  const isSecret = (name: string): boolean => {
    const plain = plainName(name);
    return SECRET_NAME.test(plain) || extra.has(plain);
  };

  const walk = (value: unknown, depth: number): unknown => {
    if (typeof value === 'string') return scrub(value);
    if (typeof value === 'bigint') return value.toString();
    if (typeof value !== 'object' || value === null) return value;
    if (value instanceof Error) return errorForLog(value, depth, 0);
    if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
    if (depth >= MAX_DEPTH) return '[too deep]';
    if (Array.isArray(value)) {
      const items = value.slice(0, MAX_ITEMS).map((item) => walk(item, depth + 1));
      return value.length > MAX_ITEMS ? [...items, `[${value.length - MAX_ITEMS} more]`] : items;
    }
    if ('toJSON' in value && typeof value.toJSON === 'function')
      return walk(Reflect.apply(value.toJSON, value, []), depth + 1);
    // Headers, Request, Response, sockets, clients: nothing of them belongs in a log
    if (!isPlain(value)) return Object.prototype.toString.call(value);
    return properties(value, depth);
  };

  const properties = (value: object, depth: number): Record<string, unknown> => {
    const copy: Record<string, unknown> = {};
    for (const [name, inner] of Object.entries(value)) {
      const hidden = isSecret(name) && inner !== null && inner !== undefined && typeof inner !== 'boolean';
      copy[name] = hidden ? REDACTED : walk(inner, depth + 1);
    }
    return copy;
  };

  const errorForLog = (error: Error, depth: number, causes: number): Record<string, unknown> => {
    const message = withoutParameters(error.message);
    const report: Record<string, unknown> = { type: error.name, message: scrub(message) };
    for (const fact of ERROR_FACTS) {
      const found = (error as unknown as Record<string, unknown>)[fact];
      if (typeof found === 'string' || typeof found === 'number') report[fact] = walk(found, depth);
    }
    const details = (error as { details?: unknown }).details;
    if (isPlain(details) && Object.keys(details).length > 0)
      report['details'] = properties(details, depth + 1);
    if (error.stack !== undefined) report['stack'] = scrub(error.stack.replace(error.message, () => message));
    if (causes >= MAX_CAUSES) return report;
    if (error.cause instanceof Error) report['cause'] = errorForLog(error.cause, depth, causes + 1);
    else if (typeof error.cause === 'string') report['cause'] = scrub(error.cause);
    if (error instanceof AggregateError) {
      report['errors'] = error.errors
        .slice(0, MAX_CAUSES)
        .map((one: unknown) => (one instanceof Error ? errorForLog(one, depth, causes + 1) : typeof one));
    }
    return report;
  };

  return (value) => (value instanceof Error ? errorForLog(value, 0, 0) : properties(value, 0));
}

function plainName(name: string): string {
  return name.toLowerCase().replaceAll(/[_\s-]/g, '');
}

function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
