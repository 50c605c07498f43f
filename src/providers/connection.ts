/** A connection with every default filled in: what the engines work with. */
import type {
  BasicEncoding,
  Credentials,
  Endpoints,
  GrantType,
  ProviderDefinition,
  Settings,
  StreamDefinition,
  TokenPolicy,
} from './contract.ts';

export interface ResolvedConnection {
  readonly id: string;
  readonly provider: ProviderDefinition;
  readonly settings: Settings;
  readonly credentials: Credentials;
  /** the provider's, with the user's overrides */
  readonly endpoints: Endpoints;
  /** of the token request: the user's, or what the chosen streams need */
  readonly scopes: readonly string[];
  /** chosen streams, custom ones included */
  readonly streams: readonly StreamDefinition[];
  readonly tokenPolicy: TokenPolicy;
  /** what its background work is done with; `none`: a key in a header */
  readonly grant: GrantType | 'none';
  /** of a `user` grant: which consent it stands on; null where nobody has consented yet */
  readonly grantEpoch?: string | null;
  /** cron, `every …` or `manual` */
  readonly schedule: string;
  readonly timezone: string;
  readonly limits: {
    /** stream jobs of this connection that may be in the queue at once */
    readonly concurrency: number;
    readonly requestsPerMinute?: number;
    /** records asked per page; default the stream's own */
    readonly pageSize?: number;
  };
  readonly retry: RetryPolicy;
  /** milliseconds after which a stream that reads only what is new is read completely again */
  readonly fullEveryMs: number;
  readonly deletes: { readonly maxShare: number; readonly minRows: number };
  readonly webhooks: {
    /** default: the provider's */
    readonly apply?: 'payload' | 'refetch';
    readonly scheme?: 'provider' | 'standard-webhooks';
    readonly streams?: readonly string[];
  };
  readonly oauth: {
    readonly basicEncoding: BasicEncoding;
    /** undefined: as the provider's definition has it */
    readonly pkce?: boolean;
    readonly prompt?: string;
    readonly params: Readonly<Record<string, string>>;
  };
}

export interface RetryPolicy {
  /** deliveries that may end in a retryable failure before the stream fails */
  readonly attempts: number;
  readonly baseDelayMs: number;
  readonly maxDelayMs: number;
}
