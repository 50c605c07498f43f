/**
 * What a provider is, said as data. One engine reads these definitions; a provider never touches the
 * database, a queue or a token. Where the data can't say it, a function in the definition does.
 *
 * Words: a *stream* is one resource that is mirrored; its *items* are the array in an answer; a *partition*
 * is one parent record of a stream that is listed once per parent.
 */
import type { ZodObject, ZodType } from 'zod';
import type { WebhookDefinition } from './webhook-contract.ts';

/** How sure we are of a statement about a provider. */
export type Evidence =
  /** stated by the provider's own documentation, OpenAPI file or repository */
  | 'documented'
  /** concluded by us from what is documented */
  | 'inferred'
  /** two sources of the provider contradict each other, or none speaks */
  | 'unverified';

export type GrantType = 'client' | 'user';
export type TokenPolicy = 'reuse' | 'per-flow';
export type ClientAuth = 'basic' | 'post' | 'none';
/** How client id and secret are encoded in a Basic header: `form` as RFC 6749 2.3.1 says, `raw` as they are. */
export type BasicEncoding = 'raw' | 'form';

/** The endpoints that a user may override under `endpoints`. `api` has no trailing slash. */
export const endpointKeys = [
  'issuer',
  'authorization',
  'token',
  'revocation',
  'userinfo',
  'jwks',
  'api',
] as const;
export type EndpointKey = (typeof endpointKeys)[number];
export type Endpoints = Partial<Record<EndpointKey, string>>;

/** Settings and credentials of one connection after the provider's own schema has accepted them. */
export type Settings = Readonly<Record<string, unknown>>;
export interface Credentials {
  readonly clientId?: string;
  /** Several during a rotation: tried in order. */
  readonly clientSecret?: string | readonly string[];
  readonly apiKey?: string;
  readonly webhookSecret?: string | readonly string[];
}

/** How a list is cut into pages. */
export type Paging =
  /** the whole list in one answer */
  | { readonly style: 'none' }
  /** the body names the next page: `at` is a dotted path to a URL (or to an object with `href`) */
  | {
      readonly style: 'next-link';
      readonly at: string;
      readonly sizeParam?: string;
      readonly pageSize?: number;
    }
  /** a response header names the next page */
  | {
      readonly style: 'next-header';
      readonly header: string;
      readonly sizeParam?: string;
      readonly pageSize?: number;
    }
  /** `offset` and `limit` parameters; a page shorter than asked is the last */
  | {
      readonly style: 'offset';
      readonly offsetParam: string;
      readonly sizeParam: string;
      readonly pageSize: number;
    }
  /** a page number and a size; a page shorter than asked is the last */
  | {
      readonly style: 'page';
      readonly pageParam: string;
      readonly sizeParam: string;
      readonly pageSize: number;
      readonly firstPage?: number;
    }
  /**
   * a number in the path (`{sequence}`) after which changed records come; the body says how far it looked, and a
   * companion endpoint how far the feed goes
   */
  | {
      readonly style: 'sequence';
      readonly sizeParam: string;
      /** the most that the provider gives: a connection may ask for less, not for more */
      readonly pageSize: number;
      /** dotted path in the body to the highest number that the answer covers */
      readonly maximumAt: string;
      /** dotted path in a record to its own number */
      readonly numberAt: string;
      /** path below the API base that answers the feed's highest number as a bare integer, where there is one */
      readonly currentMaximumPath?: string;
    };

/** How a stream finds out what changed since its last pass. */
export type ChangeDetection =
  /** every pass reads everything; the content hash tells what changed, the set difference what vanished */
  | { readonly detect: 'full' }
  /** the feed gives what changed after a number, deletions included; the number is the stream's cursor */
  | { readonly detect: 'sequence' }
  /** a pass reads what was updated since the newest update time that an earlier pass saw, its watermark */
  | Watermark;

/** How a provider writes moments: text that ISO 8601 describes, or a count since 1970. */
export type TimeFormat = 'iso' | 'epoch-seconds' | 'epoch-milliseconds';

/**
 * Change detection by update time. Such a stream is read completely at first, every `fullEvery` and after a reset,
 * which also finds what vanished. `query` and `path` of the stream have to ask for the order that is named here. The
 * field is also the record's version where `version` names no other.
 */
export type Watermark = {
  readonly detect: 'watermark';
  /** how far before its watermark a pass reads again, in milliseconds; default `defaultOverlapMs` */
  readonly overlapMs?: number;
  /** of `field`; default iso */
  readonly format?: TimeFormat;
} & (
  | {
      /** sorted by update time, newest first: a pass walks until it meets what is older than its watermark */
      readonly order: 'newest-first';
      /**
       * dotted path to the update time; absent where the records carry none: a pass then ends at the first full page
       * in which every record is stored and unchanged
       */
      readonly field?: string;
      /**
       * replaces parts of `query` in complete passes, where the provider can also list in an order that updates don't
       * change: a record that moves to the front during the walk is otherwise looked for once more before the deletes
       */
      readonly completeQuery?: Readonly<Record<string, string>>;
    }
  | {
      /** sorted by update time, oldest first, from a given moment on: the watermark moves with each page */
      readonly order: 'ascending';
      readonly field: string;
      readonly since: {
        /** query parameter that carries the watermark; left out in complete passes */
        readonly param: string;
        /** default: that of `field` */
        readonly format?: TimeFormat;
        /** written before the moment, such as `since,` */
        readonly prefix?: string;
      };
    }
);

/** Wide enough for clocks of a provider's machines that differ, and for rows that become visible late. */
export const defaultOverlapMs = 5 * 60_000;

/** A mark of a record, such as the one of being gone: what stands at a dotted path of it is one of these values. */
export interface Tombstone {
  readonly field: string;
  readonly values: readonly (string | boolean)[];
}

/** A steady rate with room for a burst. */
export interface Rate {
  readonly requests: number;
  readonly perSeconds: number;
  /** requests that may come at once after a pause; default `requests` */
  readonly burst?: number;
}

export interface StreamDefinition {
  /** kebab-case, unique among the streams that one connection can have */
  readonly name: string;
  readonly title: string;
  /**
   * below the API base, starting with a slash; `{parent}` stands for the parent's record id, `{grandparent}` for that of
   * the parent's own parent
   */
  readonly path: string;
  /** added to the first request; `{parent}` as in the path */
  readonly query?: Readonly<Record<string, string>>;
  /** another stream of the same provider: this one is listed once per record of it */
  readonly parent?: string;
  /**
   * lists are read only below records of this parent or grandparent that have one of these values at a dotted path. Like
   * `{grandparent}`, for streams that are read in full
   */
  readonly onlyParents?: Tombstone & { readonly stream: string };
  /** scopes without which the provider answers 403 */
  readonly scopes: readonly string[];
  /** dotted path to the array in the body; empty: the body is the array; several: the first that leads to an array */
  readonly items: string | readonly string[];
  /**
   * field or fields that identify a record; several are joined unambiguously. `{parent}` stands for the parent's record id,
   * where a record is known by its own id in the list of one parent only
   */
  readonly id: string | readonly string[];
  readonly paging: Paging;
  readonly changes: ChangeDetection;
  /** any of these marks a record as deleted */
  readonly tombstones?: readonly Tombstone[];
  /** where the provider states another rate for this endpoint than its general one */
  readonly rate?: Rate;
  /** a stream whose new records make this one start again from the beginning, with the next run */
  readonly restartsWith?: string;
  /** read in every run, chosen or not, since others depend on it */
  readonly always?: boolean;
  /** read only where a connection names it: it needs something that most accounts don't have */
  readonly optional?: boolean;
  /** dotted path to the record's own update time, where it has one */
  readonly version?: string;
  /**
   * Fields of a record that are no data of it, left out before it is compared and stored: what comes only when it is
   * asked for would otherwise look like a change whenever the record arrives by another way.
   */
  readonly omit?: readonly string[];
  /** path of one record below the API base, `{id}` in it; where there is none a webhook starts the stream's sync */
  readonly single?: string;
  /**
   * Accepts a record; unknown fields are kept, so objects are loose. The top-level fields become columns of the
   * stream's view: `.meta({ format: 'date-time' })` or `'date'` on a text makes it a moment or a day there.
   */
  readonly schema: ZodType;
  readonly evidence: Evidence;
  /** the provider's page that this definition follows */
  readonly docs?: string;
}

/** A request limit as the provider states it. */
export interface RateLimit extends Rate {
  readonly evidence: Evidence;
  /** whom the provider counts together */
  readonly key: (connection: { readonly settings: Settings; readonly credentials: Credentials }) => string;
  /** the same in words, for `sluice providers` */
  readonly keyedBy: string;
}

/** How a person consents, and what is known of the refresh tokens that come of it. */
export interface AuthorizationDefinition {
  /** asked besides those of the chosen streams, where the connection names no scopes of its own */
  readonly scopes: readonly string[];
  /** added to the authorization request */
  readonly extraParams?: Readonly<Record<string, string>>;
  /** `default`: PKCE S256 unless the connection says `oauth.pkce: false`; `off`: only where it says `true` */
  readonly pkce: 'required' | 'default' | 'off';
  /** `prompt` of the authorization request (OpenID Connect Core 3.1.2.1); a connection may name another */
  readonly prompt?: string;
  /** false: the consent serves the setup alone, and no refresh token is kept [true] */
  readonly keepsRefreshToken?: boolean;
  readonly refresh: {
    /**
     * What to do where a refresh was sent and its outcome was lost: spend the old token once more, or leave it to a
     * person, where a token that is used twice does more harm than a new consent.
     */
    readonly unknownOutcome: 'retry-old-once' | 'reconnect';
    /** seconds after which a refresh token ends that isn't used, where the provider states it */
    readonly idleLifetimeSeconds?: number;
  };
  /** who consented, from the claims of the id token and of userinfo; undefined where they don't tell */
  readonly account?: (
    claims: Readonly<Record<string, unknown>>,
  ) => { readonly id: string; readonly label: string } | undefined;
  /** what to look at right after a consent, with the person's own token */
  readonly setup?: SetupDefinition;
  readonly evidence: Evidence;
}

/** Which organizations the person reaches and which the application does, seen once, while the consent is fresh. */
export interface SetupDefinition {
  /** the stream that lists them, for either token */
  readonly stream: string;
  /** where a person lets the application into an organization */
  readonly installLink: (connection: {
    readonly credentials: Credentials;
    readonly endpoints: Endpoints;
  }) => string;
}

export interface ProviderDefinition {
  /** as written under `provider` in sluice.yaml */
  readonly id: string;
  readonly title: string;
  readonly description: string;
  readonly docs: string;

  readonly grants: readonly GrantType[];
  /**
   * Which of them does a connection's background work, where it has the choice; `none`: a fixed key in a header does,
   * and there is no token. Settings and credentials may not have been validated yet. Default: the first of `grants`.
   */
  readonly grantOf?: (connection: {
    readonly settings: Settings;
    readonly credentials: Credentials;
  }) => GrantType | 'none';
  /** there where `grants` holds `user` */
  readonly authorization?: AuthorizationDefinition;
  /** streams whose records (organizations, locations) the user may give ids of his own: `sluice mappings` */
  readonly mappable?: readonly string[];
  readonly tokenPolicy: TokenPolicy;
  readonly clientAuth: ClientAuth;
  readonly basicEncoding: BasicEncoding;
  /** asked in every token request, besides those of the chosen streams */
  readonly baseScopes: readonly string[];
  /** seconds, taken where a token answer names no `expires_in` */
  readonly defaultTokenLifetime: number;

  /** validates `settings`; strict, each field with a description that says what to write there */
  readonly settings: ZodObject;
  /** validates `credentials` */
  readonly credentials: ZodObject;
  readonly endpoints: (settings: Settings) => Endpoints;
  /** fixed headers of every data request, besides Authorization */
  readonly headers: (connection: {
    readonly settings: Settings;
    readonly credentials: Credentials;
  }) => Readonly<Record<string, string>>;

  readonly limits: readonly RateLimit[];
  /** cron or `every …`; used where a connection names no schedule */
  readonly suggestedSchedule: string;
  /** where the provider asks not to be called by everybody at once: cron ticks are spread over this, in milliseconds */
  readonly jitterMs?: number;
  /** all that there are, for listing */
  readonly streams: readonly StreamDefinition[];
  /** those that a connection can have, where its settings decide; they may not have been validated yet */
  readonly streamsFor?: (settings: Settings) => readonly StreamDefinition[];
  /** the cheapest documented call, made by `sluice check`, with the stream whose scopes it needs */
  readonly check: (streams: readonly StreamDefinition[]) => {
    readonly path: string;
    readonly query?: Readonly<Record<string, string>>;
  };
  /** undefined: none are documented, and the intake answers as it does for a connection that doesn't exist */
  readonly webhooks?: WebhookDefinition;
  /**
   * What an error answer says itself about trying again, of the answers that are judged by their status otherwise (all but 401,
   * 403, 423 and 429); undefined where it says nothing. Gets the parsed body where there is one.
   */
  readonly isRetriable?: (status: number, body: unknown) => boolean | undefined;
  /**
   * Says more about a 403 than its status: which scope is missing, which add-on isn't installed.
   * Gets the parsed body where there is one.
   */
  readonly explainForbidden?: (body: unknown, stream: StreamDefinition | undefined) => string | undefined;
}

/** Checks nothing; gives the definition its type where it is written. */
export function defineProvider(definition: ProviderDefinition): ProviderDefinition {
  return definition;
}
