/** What `/v1` is handed: it knows neither a queue nor SQL, only these functions. */
import type { ConnectLink } from '../../auth/authorization/contract.ts';
import type { ErrorReport } from '../../errors.ts';
import type { Actor } from '../../store/audit.ts';
import type { CheckStep } from '../../sync/check.ts';
import type { NotificationView } from '../../webhooks/notify-log.ts';
import type { EventDetail, EventView } from '../../webhooks/history.ts';
import type { EndpointView } from '../../webhooks/endpoints.ts';
import type { TimelineView } from '../../sync/timeline.ts';
import type { ConnectionSummary, ConnectionView } from '../../sync/connection-view.ts';
import type { RunView } from '../../sync/history.ts';
import type { MappingChange, MappingPage, MappingView } from '../../sync/mappings.ts';
import type { ChangePage } from '../../sync/read-changes.ts';
import type { RecordView } from '../../sync/read-records.ts';

export interface Page<T> {
  readonly data: readonly T[];
  /** hand it back as `cursor` for what follows; null at the end */
  readonly next: string | null;
}

export interface PageRequest {
  readonly cursor: string | undefined;
  readonly limit: number;
}

export type ConnectionDetail = ConnectionView & {
  /** streams that can be read: those it mirrors now, and those that it has mirrored before */
  readonly streams: readonly string[];
  /** what `sluice.yaml` would hold, with the defaults and the credentials left out */
  readonly configuration: Readonly<Record<string, unknown>>;
};

export interface SyncRequest {
  readonly streams: readonly string[] | undefined;
  readonly full: boolean;
  readonly allowDeletes: boolean;
  readonly idempotencyKey: string | undefined;
}

export interface CheckReport {
  readonly connection: string;
  readonly ok: boolean;
  readonly steps: readonly CheckStep[];
  readonly cleared: boolean;
  readonly error: ErrorReport | null;
}

export interface RunsRequest extends PageRequest {
  readonly connection: string | undefined;
  readonly status: string | undefined;
}

export interface EventsRequest extends PageRequest {
  readonly connection: string | undefined;
  readonly status: EventView['status'] | undefined;
}

/** What was asked for and waited for stands beside the run, as far as it is kept. */
export type RunDetail = RunView & TimelineView;

export interface ChangesRequest {
  readonly after: number;
  readonly limit: number;
  /** milliseconds */
  readonly wait: number;
  /** aborted when the caller has gone */
  readonly signal: AbortSignal;
}

/** Each throws `not_found` for what isn't there, and `request_invalid` for a cursor that no page gave. */
export interface ApiDeps {
  providers(): readonly unknown[];
  provider(name: string): unknown;
  connections(page: PageRequest): Promise<Page<ConnectionSummary>>;
  connection(id: string): Promise<ConnectionDetail>;
  /** @throws SluiceError `config_invalid` with `details.problems`, `connection_managed_by_file` */
  putConnection(id: string, body: unknown): Promise<{ created: boolean; connection: ConnectionDetail }>;
  /** @throws SluiceError `connection_managed_by_file` */
  removeConnection(id: string, purge: boolean): Promise<{ id: string; purge: boolean; records: number }>;
  /** @throws SluiceError `connection_paused`, `connection_parked`, `idempotency_key_reused`, `idempotency_in_progress` */
  sync(id: string, request: SyncRequest): Promise<RunView>;
  pause(id: string): Promise<ConnectionDetail>;
  resume(id: string): Promise<ConnectionDetail>;
  reset(
    id: string,
    streams: readonly string[] | undefined,
  ): Promise<{ connection: ConnectionDetail; streams: readonly string[] }>;
  check(id: string): Promise<CheckReport>;
  runs(request: RunsRequest): Promise<Page<RunView>>;
  run(id: string): Promise<RunDetail>;
  cancel(id: string): Promise<RunView>;
  records(
    id: string,
    stream: string,
    page: PageRequest & { readonly deleted: boolean },
  ): Promise<Page<RecordView>>;
  /** @throws SluiceError `feed_truncated`, `cursor_ahead` */
  changes(id: string, stream: string, request: ChangesRequest): Promise<ChangePage>;
  /** @throws SluiceError `connect_not_possible` */
  connectLink(id: string, returnUrl: string | undefined): Promise<ConnectLink>;
  /** @throws SluiceError `webhooks_unavailable`, `webhook_registration_failed`, `lease_busy`, and what tokens throw */
  registerWebhooks(id: string, renew: boolean): Promise<readonly EndpointView[]>;
  events(request: EventsRequest): Promise<Page<EventView>>;
  event(id: string): Promise<EventDetail>;
  /** `by` stands in the event afterwards [api] @throws SluiceError `event_not_replayable` */
  replayEvent(id: string, by?: string): Promise<EventView>;
  notifications(page: PageRequest): Promise<Page<NotificationView>>;
  mappings(id: string, page: MappingPage): Promise<{ data: MappingView[]; next: string | null }>;
  /** Puts these mappings in the place of all. */
  replaceMappings(id: string, changes: readonly MappingChange[]): Promise<void>;
}

/** `/v1` for whoever calls: what `as` returns writes down who did it. */
export interface Api extends ApiDeps {
  as(actor: Actor): ApiDeps;
}
