/** What the reading pages of the console are handed. Times are ISO 8601 in UTC. */
import type { TokenStatus } from '../../auth/contract.ts';
import type { Lately } from '../../sync/activity.ts';
import type { ConnectionSummary } from '../../sync/connection-view.ts';
import type { RunView } from '../../sync/history.ts';
import type { LiveWatch } from '../../sync/live-watch.ts';
import type { PersonNeeded } from '../../sync/needs-person.ts';
import type { ConnectionGlance } from '../../sync/overview.ts';
import type { RecordHistory } from '../../sync/record-history.ts';
import type { SearchPage } from '../../sync/record-search.ts';
import type { RejectedLine } from '../../sync/rejected-page.ts';
import type { StreamGlance } from '../../sync/stream-glance.ts';
import type { TimelineView } from '../../sync/timeline.ts';

export interface QueueView {
  readonly name: string;
  readonly waiting: number;
  readonly active: number;
  readonly delayed: number;
  readonly failed: number;
}

export interface OverviewView {
  readonly now: string;
  readonly version: string;
  /** in the order in which a person should look at them, the first of them */
  readonly needsPerson: readonly PersonNeeded[];
  /** of which `needsPerson` are the first */
  readonly needs: number;
  /** the latest against its schedule first, the first of them */
  readonly connections: readonly ConnectionGlance[];
  /** of which `connections` are the first */
  readonly connected: number;
  /** newest first */
  readonly runs: readonly RunView[];
  readonly queues: readonly QueueView[];
  readonly activity: Lately;
}

export interface ConnectionLine extends ConnectionGlance {
  /** current records by stream; one more than `COUNT_LIMIT` for more than that */
  readonly records: Readonly<Record<string, number>>;
}

export interface ConnectionsRequest {
  /** stands somewhere in the id or in the provider's */
  readonly search: string;
  /** one of these [any] */
  readonly states: readonly string[];
  readonly cursor: string | undefined;
}

export interface ConnectionsView {
  readonly now: string;
  readonly connections: readonly ConnectionLine[];
  /** how many fit; one more than `GLANCE_COUNT_LIMIT` for more than that */
  readonly total: number;
  /** cursor of the next page */
  readonly next: string | null;
}

export interface EndpointLine {
  readonly place: string;
  readonly url: string;
  readonly state: string;
  readonly registeredAt: string;
  readonly checkedAt: string | null;
  readonly error: { readonly code: string; readonly message: string; readonly advice: string } | null;
}

export interface ConnectionPageView {
  readonly now: string;
  readonly connection: ConnectionSummary;
  /** title of its provider; its id where this version doesn't know it */
  readonly providerTitle: string;
  readonly freshness: ConnectionGlance['freshness'];
  /** `user`: a person's consent, which this console can ask for again */
  readonly grant: 'client' | 'user' | 'none' | null;
  readonly policy: string | null;
  /** null where the connection itself can't be read */
  readonly token: TokenStatus | null;
  readonly streams: readonly StreamGlance[];
  readonly records: Readonly<Record<string, number>>;
  readonly endpoints: readonly EndpointLine[];
  /** the provider sends webhooks; `registers`: it has an API for registering an endpoint */
  readonly webhooks: { readonly registers: boolean } | null;
  readonly hasMappings: boolean;
  /** a person can consent */
  readonly canConnect: boolean;
  /** newest first */
  readonly runs: readonly RunView[];
}

export interface RunsView {
  readonly now: string;
  readonly runs: readonly RunView[];
  /** cursor of the next page */
  readonly next: string | null;
  /** ids to choose from, the first of them */
  readonly connections: readonly string[];
  /** there are others */
  readonly moreConnections: boolean;
  /** the one that was asked for isn't there, or no more */
  readonly unknownConnection: boolean;
}

export interface RunPageView extends TimelineView {
  readonly now: string;
  readonly run: RunView;
  readonly cancelRequested: boolean;
}

export interface RecordsRequest {
  readonly prefix: string;
  readonly text: string;
  readonly deleted: boolean;
  readonly after: string | undefined;
}

export interface ProviderView {
  readonly id: string;
  readonly title: string;
  readonly description: string;
  /** pages of its documentation */
  readonly docs: string;
  readonly grants: readonly string[];
  readonly tokenPolicy: string;
  readonly schedule: string;
  readonly settings: readonly FieldView[];
  readonly credentials: readonly FieldView[];
  readonly limits: readonly {
    readonly requests: number;
    readonly perSeconds: number;
    readonly keyedBy: string;
    readonly evidence: string;
  }[];
  /** what it sends, in words; null: none are documented */
  readonly webhooks: string | null;
  readonly streams: readonly {
    readonly name: string;
    readonly title: string;
    readonly path: string;
    readonly parent: string | null;
    readonly scopes: readonly string[];
    readonly paging: string;
    readonly changes: string;
    readonly evidence: string;
  }[];
}

interface FieldView {
  readonly name: string;
  readonly required: boolean;
  readonly description: string;
}

/** Each throws `not_found` for what isn't there. */
export interface ConsoleDeps {
  /** with so many hours of activity */
  overview(hours: number): Promise<OverviewView>;
  /** so many hours, the running one included */
  activity(hours: number): Promise<Lately>;
  /** by id @throws SluiceError `request_invalid` for a cursor that no page gave */
  connections(request: ConnectionsRequest): Promise<ConnectionsView>;
  connection(id: string): Promise<ConnectionPageView>;
  /** @throws SluiceError `request_invalid` for a cursor that no page gave */
  runs(request: {
    readonly connection: string | undefined;
    readonly status: string | undefined;
    readonly cursor: string | undefined;
  }): Promise<RunsView>;
  run(id: string): Promise<RunPageView>;
  records(id: string, stream: string, request: RecordsRequest): Promise<SearchPage>;
  record(id: string, stream: string, record: string, before: number | undefined): Promise<RecordHistory>;
  rejected(
    id: string,
    stream: string,
    before: number | undefined,
  ): Promise<{ readonly lines: readonly RejectedLine[]; readonly next: number | null }>;
  providers(): readonly ProviderView[];
  provider(name: string): ProviderView;
  readonly live: LiveWatch;
}
