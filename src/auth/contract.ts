/** What the rest of Sluice knows of tokens: ask for one, report one that was rejected, end a flow. */
import type { ErrorKind } from '../errors.ts';
import type { BasicEncoding, ClientAuth, Endpoints, TokenPolicy } from '../providers/contract.ts';

/** Everything that shapes a token. Two subjects share a token exactly when all of this is equal. */
export interface TokenSubject {
  readonly connectionId: string;
  readonly provider: string;
  readonly grant: 'client' | 'user';
  /** there where the grant is a person's */
  readonly userGrant?: UserGrantRef;
  readonly policy: TokenPolicy;
  /** `token` or `issuer` must be there */
  readonly endpoints: Endpoints;
  readonly clientId: string;
  /** tried in order: several while a secret is being rotated */
  readonly clientSecrets: readonly string[];
  readonly clientAuth: ClientAuth;
  readonly basicEncoding: BasicEncoding;
  readonly scopes: readonly string[];
  /** audience, resource and whatever else the user put under `oauth.params` */
  readonly params: Readonly<Record<string, string>>;
  /** seconds, where the answer names no `expires_in` */
  readonly defaultLifetime: number;
}

/** The consent that a `user` token stands on, and how its refresh token is to be treated. */
export interface UserGrantRef {
  /** of the consent; null where nobody has consented yet. Part of the token's identity */
  readonly epoch: string | null;
  readonly unknownOutcome: 'retry-old-once' | 'reconnect';
  /** asked for by the upkeep and not by work: it doesn't count as use */
  readonly renewal?: boolean;
}

export interface AccessToken {
  readonly value: string;
  /** sha256 of the value, first 12 hex digits: safe to show and to log */
  readonly fingerprint: string;
  /** epoch milliseconds */
  readonly obtainedAt: number;
  readonly expiresAt: number;
  /** as granted where the answer says, else as asked */
  readonly scopes: readonly string[];
  /** true for one call of each token request that this process sent (for the run's counter) */
  readonly requested: boolean;
}

export interface TokenOptions {
  /** the run id, the webhook job's id, or a fresh id: the flow that a `per-flow` token belongs to */
  readonly flow: string;
  readonly signal?: AbortSignal;
  /** milliseconds that the token must still live; default the adaptive skew */
  readonly minLifeMs?: number;
  /** milliseconds to wait for a token, whoever is requesting it; default 10,000 */
  readonly maxWaitMs?: number;
  /**
   * Asks the token endpoint although a failure is remembered, and replaces a rejected token although the
   * cool-down runs: for `sluice check` and the console, where a person waits for the truth.
   */
  readonly ignoreFailures?: boolean;
}

export interface TokenInfo {
  readonly policy: TokenPolicy;
  readonly fingerprint: string;
  readonly scopes: readonly string[];
  /** asked and not granted, as far as the answer told */
  readonly missingScopes: readonly string[];
  readonly obtainedAt: string;
  readonly expiresAt: string;
  readonly ageSeconds: number;
  readonly expiresInSeconds: number;
}

export interface TokenStatus {
  /**
   * `cached`: all is well. `narrowed`: the same, but a scope that was asked for is missing. `none`: the next call takes one.
   * `failing`: the last request failed. `cooling`: the provider rejected a token, and the cool-down runs.
   */
  readonly state: 'cached' | 'narrowed' | 'none' | 'failing' | 'cooling';
  /** ISO 8601, as all moments here; null where nothing is cached or remembered */
  readonly since: string | null;
  /** why it is so, and what to do; null where there is nothing to say */
  readonly reason: string | null;
  readonly advice: string | null;
  /** code and kind of the failure that is remembered */
  readonly error: string | null;
  readonly kind: ErrorKind | null;
  /** in a row */
  readonly failures: number;
  /** no request before this moment */
  readonly retryAt: string | null;
  readonly token: TokenInfo | null;
}

export interface TokenService {
  /**
   * A token that works now, from memory, from the shared cache, or by one request for the whole fleet.
   *
   * While the token endpoint fails, a token that has not expired is served, even past the wished-for life. One that is
   * used in the last minutes of its life is renewed in the background.
   *
   * @throws SluiceError kind `config` (`token_client_rejected`, `token_scope_rejected`, `token_request_invalid`,
   *   `issuer_metadata_invalid`, `endpoint_refused`, `request_invalid`, `tls_error`),
   *   kind `transient` (`token_endpoint_unavailable`, `token_wait`, `token_response_invalid`, `shutdown`),
   *   kind `rate_limited` (`token_endpoint_rate_limited`). `details.retryAt` (epoch ms) with the latter two kinds,
   *   but for `shutdown`.
   */
  get(subject: TokenSubject, options: TokenOptions): Promise<AccessToken>;
  /**
   * The provider answered 401 to this token. The next `get` gives a newer one: one replacement for the whole
   * fleet. Within the cool-down after such a replacement no further token is requested for that credential.
   * Returns whether a replay now makes sense: false during the cool-down, where the caller backs off.
   */
  reject(subject: TokenSubject, options: TokenOptions, used: AccessToken): Promise<boolean>;
  /** Drops the tokens of a `per-flow` flow that has ended. */
  endFlow(flow: string): Promise<void>;
  /** What is cached for a subject: for `per-flow` the newest of any flow. Never the token itself. */
  inspect(subject: TokenSubject): Promise<TokenInfo | null>;
  /** The same with what is remembered of failures and rejections: state, since when, why, what to do. */
  status(subject: TokenSubject): Promise<TokenStatus>;
  close(): Promise<void>;
}
