/** What the web layer is handed: it knows neither a queue nor SQL, only these functions. */
import type { HttpBindings } from '@hono/node-server';
import type { Hono } from 'hono';
import type { Connector, SetupView } from '../auth/authorization/contract.ts';
import type { Actor } from '../store/audit.ts';
import type { MappingChange, MappingView } from '../sync/mappings.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Tracing } from '../telemetry/tracing.ts';
import type { Api } from './api/contract.ts';
import type { ApiRate } from './api/rate-limit.ts';
import type { RefusalPace } from './refusal-pace.ts';
import type { Session } from './session.ts';
import type { ConsoleDeps } from './console/contract.ts';
import type { SteeringDeps } from './steering-contract.ts';

export interface ReadinessCheck {
  /** `database`, `queue`, … */
  readonly name: string;
  readonly ok: boolean;
  /** Shown to anyone who can reach the port: no secrets, no addresses with passwords. */
  readonly message?: string;
  readonly advice?: string;
}

export interface Readiness {
  readonly ok: boolean;
  readonly checks: readonly ReadinessCheck[];
}

/** What every process that listens serves: health and metrics. */
export interface ProbeDeps {
  ready(): Promise<Readiness>;
  readonly metrics: Pick<Metrics, 'render'>;
  /** bearer keys of `/v1` and `/metrics` */
  readonly apiKeys: readonly string[];
  /** serves `/metrics` without a key */
  readonly metricsOpen: boolean;
  /** where users reach this process; decides cookies' Secure and what counts as the same origin */
  readonly publicUrl: string;
  readonly logger: Logger;
  /** epoch milliseconds */
  readonly now: () => number;
  /** of requests, probes aside [none] */
  readonly tracing?: Tracing;
  /** milliseconds that a probe waits for `ready` [2000] */
  readonly readyTimeoutMs?: number;
}

export interface AdminLogin {
  readonly password: string;
  /** signs sessions; changing it, or the password, ends all of them */
  readonly sessionSecret: string;
}

/** What the pages of a consent need. */
export interface ConnectDeps {
  /** without it there are no such pages */
  readonly connector?: Connector;
  /** the same on behalf of an operator, written down; without it he needs a link as everybody does */
  readonly connectorAs?: (actor: Actor) => Pick<Connector, 'begin' | 'finish'>;
  readonly publicUrl: string;
}

/** One delivery of a webhook; throws `webhook_refused` and `webhooks_not_stored`. */
export interface WebhookIntake {
  receive(delivery: {
    readonly connectionId: string;
    readonly body: Buffer;
    header(name: string): string | undefined;
    query(name: string): string | undefined;
  }): Promise<void>;
  echo(delivery: { readonly connectionId: string; query(name: string): string | undefined }): Promise<string>;
}

export interface MappingsPageView {
  readonly connection: string;
  /** its title */
  readonly provider: string;
  readonly rows: readonly MappingView[];
  /** cursor of the next page */
  readonly next: string | null;
  /** the provider lets a person look at his organizations: `null` until somebody did */
  readonly setup?: { readonly seen: SetupView | null; readonly account: string | null };
}

/** What the page of a connection's mappings needs. */
export interface MappingsDeps {
  /** @throws SluiceError `not_found`, `request_invalid` where there is nothing to map */
  view(connectionId: string, after: string | undefined): Promise<MappingsPageView>;
  /** @throws SluiceError `not_found`, `request_invalid` */
  save(actor: Actor, connectionId: string, changes: readonly MappingChange[]): Promise<void>;
}

export interface WebDeps extends ProbeDeps, ConnectDeps {
  /** without it no route takes webhooks */
  readonly intake?: WebhookIntake;
  /** when messages that nobody signed are answered [100 a second at once] */
  readonly refusals?: RefusalPace;

  /** without it there are no pages that steer, and nothing notes a login */
  readonly steering?: SteeringDeps;

  /** without it there is no page for mappings */
  readonly mappings?: MappingsDeps;
  /** without it there are no pages but login, mappings and Bull Board */
  readonly console?: ConsoleDeps;
  /** without it `/v1` answers as unknown routes do */
  readonly api?: Api;
  /** requests to `/v1` under one key [1200 a minute, 200 at once] */
  readonly apiRate?: ApiRate;
  /** without it console, login and Bull Board answer as unknown routes do */
  readonly admin?: AdminLogin;
  /** Builds Bull Board for being mounted at `basePath`. */
  readonly bullBoard?: (basePath: string, options: { readonly readOnly: boolean }) => Hono;
  /** [true] */
  readonly bullBoardReadOnly?: boolean;
  /** milliseconds that a page of the console waits for what it shows [5000] */
  readonly pageTimeoutMs?: number;
  /** pages that this process keeps up to date at once [200] */
  readonly maxViewers?: number;
}

/** The types of every route: Node's request, and what middleware leaves for handlers. */
export interface WebEnv {
  Bindings: HttpBindings;
  /** `actor` is there behind a session or a bearer key */
  Variables: { secureHeadersNonce?: string; session?: Session; actor?: Actor };
}

export type WebApp = Hono<WebEnv>;
