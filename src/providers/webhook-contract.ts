/**
 * What a provider's webhooks are, said as data: how a message proves its origin, how it is told from others, what it
 * asks for, how an endpoint is registered. `src/webhooks` reads these definitions; a provider never sees a request.
 */
import type { Evidence, Settings } from './contract.ts';

/** One piece of what a signature covers: a fixed text, a header as it was received, or the body's bytes. */
export type SignedPart = { readonly text: string } | { readonly header: string } | 'body';

/** HMAC-SHA256 over received bytes, compared as text and in constant time. */
export interface HmacSignature {
  readonly scheme: 'hmac-sha256';
  /** lower case */
  readonly header: string;
  /** stands before each signature; those that begin otherwise are passed over */
  readonly prefix?: string;
  /** between several signatures in one header, as during a rotation at the sender; default: there is only one */
  readonly separator?: string;
  readonly encoding: 'hex' | 'base64';
  readonly signs: readonly SignedPart[];
  /** how a secret becomes the key: its own bytes, or what stands as base64 behind `whsec_` */
  readonly key: 'text' | 'whsec';
  /** a signed time that must be near ours, on both sides */
  readonly timestamp?: {
    readonly header: string;
    /** `iso-utc`: RFC 3339 with `Z`; `unix-seconds`: a whole number */
    readonly format: 'iso-utc' | 'unix-seconds';
    readonly toleranceMs: number;
  };
}

/** No signature that could be relied on: the callback URL that we register carries a random key. */
export interface UrlKeySignature {
  readonly scheme: 'url-key';
  /** query parameter that holds the key */
  readonly parameter: string;
}

export type WebhookSignature = HmacSignature | UrlKeySignature;

/** How two deliveries of one message are recognised. */
export interface WebhookIdentity {
  /** dotted paths in the body; together they name a message. Header names begin with `header:`. */
  readonly id: readonly string[];
  /**
   * Where a message has no such id, equal bytes count as one message for this long: the provider's documented
   * retries. 0: never, each is a message of its own.
   */
  readonly digestWindowMs: number;
}

/** What one message asks for. */
export type WebhookEffect =
  /** the record as it was at the time of the event */
  | {
      readonly effect: 'upsert';
      readonly stream: string;
      readonly record: unknown;
      readonly parent?: string;
      /**
       * Where the message shows less of a record than the API does: what is to be stored, from the stored record and
       * this one; undefined where the stored one is newer.
       */
      readonly merge?: (stored: Readonly<Record<string, unknown>>) => unknown;
    }
  | { readonly effect: 'delete'; readonly stream: string; readonly id: string; readonly parent?: string }
  /** the message only names the record: it is asked for */
  | { readonly effect: 'refetch'; readonly stream: string; readonly id: string; readonly parent?: string }
  /** something of these streams changed: their sync finds out what */
  | { readonly effect: 'sync'; readonly streams: readonly string[] }
  /** a handshake: this address has to be fetched once */
  | { readonly effect: 'confirm'; readonly url: string }
  | { readonly effect: 'none'; readonly reason: string };

export interface WebhookReading {
  /** as the provider calls it; shown to people */
  readonly type: string | null;
  /** the provider's own clock, where the message has one; ISO 8601 */
  readonly occurredAt: string | null;
  readonly effect: WebhookEffect;
}

/** One request that the registration of an endpoint needs. `path` stands below the API base. */
export interface RegistrationRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

export interface RegistrationTarget {
  /** where the provider shall send messages */
  readonly url: string;
  /** chosen by us, stays the same for one connection and place */
  readonly name: string;
  /** names of the connection's streams */
  readonly streams: readonly string[];
  /** the one that we chose, where the provider lets us choose */
  readonly secret: string;
  /** a record of `perRecordOf`, where there is one endpoint for each */
  readonly parent?: string;
}

interface InspectedEndpoint {
  readonly state: 'active' | 'suspended' | 'inactive';
  readonly url: string | null;
}

export interface WebhookRegistration {
  readonly evidence: Evidence;
  /** asked by a token of its own: a sync never holds the right to change an endpoint */
  readonly scopes: readonly string[];
  /** `returned`: the provider makes it and shows it once; `chosen`: ours; `none`: there is none */
  readonly secret: 'returned' | 'chosen' | 'none';
  /** one endpoint for each record of this stream, instead of one for the connection */
  readonly perRecordOf?: string;
  readonly create: (target: RegistrationTarget) => RegistrationRequest;
  /** what the answer to `create` tells */
  readonly created: (body: unknown) => { readonly reference: string | null; readonly secret: string | null };
  readonly remove: (target: RegistrationTarget, reference: string | null) => RegistrationRequest;
  /** undefined where the provider has no way to ask */
  readonly inspect?: {
    readonly request: (target: RegistrationTarget, reference: string | null) => RegistrationRequest;
    /** undefined where the answer doesn't hold the endpoint */
    readonly read: (body: unknown, target: RegistrationTarget) => InspectedEndpoint | undefined;
  };
  /** unconfirmed endpoints are dropped after this by the provider, in milliseconds; for those that have no `inspect` */
  readonly unconfirmedMs?: number;
  /**
   * All endpoints that we have at the provider, where each registration makes another one: one whose answer was lost,
   * and with it its secret, is found by its name and removed.
   */
  readonly list?: {
    readonly request: RegistrationRequest;
    readonly read: (
      body: unknown,
    ) => readonly { readonly reference: string; readonly name: string; readonly url: string }[];
  };
}

export interface WebhookDefinition {
  readonly evidence: Evidence;
  readonly docs: string;
  readonly signature: WebhookSignature;
  /** a GET that carries one of these parameters is answered with its value, as plain text */
  readonly echo?: { readonly parameters: readonly string[]; readonly maxLength: number };
  readonly identity: WebhookIdentity;
  /** `body` is parsed JSON of any shape; must not throw */
  readonly read: (body: unknown) => WebhookReading;
  /** `payload`: the message holds the record; `refetch`: it is asked for by id */
  readonly apply: 'payload' | 'refetch';
  /** whether an address of a handshake is one of those that the provider documents */
  readonly mayConfirm?: (url: URL, settings: Settings) => boolean;
  /** events that the provider sends, in words, for `sluice providers` */
  readonly events: string;
  /** whether a connection with these settings can have any; default true */
  readonly available?: (settings: Settings) => boolean;
  readonly registration?: WebhookRegistration;
}
