/**
 * Faults that a test puts into a simulated provider: "the next 2 requests for employees end in a 503". They are the
 * same for every provider; the provider only says where a page keeps its records and its next link.
 */

interface Scope {
  /** the request's path with `*` for any text, or an expression; default: every path */
  readonly path?: string | RegExp;
  /** default: every method */
  readonly method?: string;
  /** requests that it hits before it is used up; default 1, `Infinity` for all */
  readonly times?: number;
  /** matching requests that pass unharmed first; default 0 */
  readonly skip?: number;
  /** milliseconds to wait before the request is handled at all */
  readonly delayMs?: number;
}

export type FaultAction =
  /** an answer instead of the real one; an object body is sent as JSON; without a body a problem document */
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: unknown;
    }
  /** an OAuth error answer (RFC 6749 section 5.2); status 401 for `invalid_client`, otherwise 400 */
  | { readonly kind: 'oauth-error'; readonly error: string; readonly status?: number }
  /** an HTML page, as a proxy or a maintenance page gives; status 200 by default */
  | { readonly kind: 'html'; readonly status?: number }
  /** half of the real JSON, as a complete answer */
  | { readonly kind: 'truncate' }
  /** the connection is reset, before anything is sent or in the middle of the body */
  | { readonly kind: 'reset'; readonly when: 'before-headers' | 'in-body' }
  /** no answer, ever */
  | { readonly kind: 'hang' }
  /** the real answer after `delayMs` */
  | { readonly kind: 'slow'; readonly delayMs: number }
  /** an endless body: `bytes` (decoded) is 10 GiB by default; `gzip` sends it compressed, about 1000 to 1 */
  | { readonly kind: 'flood'; readonly bytes?: number; readonly gzip?: boolean }
  | { readonly kind: 'redirect'; readonly location: string; readonly status?: number }
  /** the real page, with another next link */
  | { readonly kind: 'next-link'; readonly href: string }
  /** the real page without its records; its links stay */
  | { readonly kind: 'empty-page' }
  /** one record's field gets another value; without a value the field is missing. Dots go into objects */
  | { readonly kind: 'bad-record'; readonly index?: number; readonly field: string; readonly value?: unknown }
  /** one record's text field holds U+0000, which Postgres refuses */
  | { readonly kind: 'nul'; readonly index?: number; readonly field: string }
  /** from the second page that it hits, each page begins with the last record of the page before */
  | { readonly kind: 'duplicate' }
  /** fields of the real JSON answer are set or removed; `expires_in` of a token, for one */
  | {
      readonly kind: 'patch';
      readonly set?: Readonly<Record<string, unknown>>;
      readonly remove?: readonly string[];
    };

export type Fault = FaultAction & Scope;

export interface ActiveFault {
  readonly id: number;
  readonly fault: Fault;
  /** requests hit so far */
  hits: number;
  skipped: number;
  /** the last record of the last page hit, for `duplicate` */
  lastRecord?: unknown;
}

export interface FaultBox {
  /** Adds a fault; the oldest that matches a request is used. */
  add(fault: Fault): ActiveFault;
  remove(id: number): void;
  clear(): void;
  list(): readonly ActiveFault[];
  /** Used by the server: the fault for a request, counted as used. */
  take(method: string, path: string): ActiveFault | undefined;
}

const KINDS: ReadonlySet<string> = new Set<FaultAction['kind']>([
  'status',
  'oauth-error',
  'html',
  'truncate',
  'reset',
  'hang',
  'slow',
  'flood',
  'redirect',
  'next-link',
  'empty-page',
  'bad-record',
  'nul',
  'duplicate',
  'patch',
]);

function matches(fault: Fault, method: string, path: string): boolean {
  if (fault.method !== undefined && fault.method.toUpperCase() !== method) return false;
  if (fault.path === undefined) return true;
  if (fault.path instanceof RegExp) return fault.path.test(path);
  const source = fault.path
    .split('*')
    .map((part) => part.replaceAll(/[\\^$.|?+()[\]{}]/g, '\\$&'))
    .join('.*');
  return new RegExp(`^${source}$`).test(path);
}

export function createFaultBox(): FaultBox {
  let active: ActiveFault[] = [];
  let nextId = 1;
  return {
    add(fault) {
      if (!KINDS.has(fault.kind)) throw new Error(`no such fault: ${JSON.stringify(fault.kind)}`);
      const added: ActiveFault = { id: nextId++, fault, hits: 0, skipped: 0 };
      active.push(added);
      return added;
    },
    remove(id) {
      active = active.filter((one) => one.id !== id);
    },
    clear() {
      active = [];
    },
    list: () => [...active],
    take(method, path) {
      for (const one of active) {
        if (!matches(one.fault, method, path)) continue;
        if (one.skipped < (one.fault.skip ?? 0)) {
          one.skipped++;
          continue;
        }
        one.hits++;
        if (one.hits >= (one.fault.times ?? 1)) active = active.filter((other) => other !== one);
        return one;
      }
      return undefined;
    },
  };
}
