/** What the console's steering pages are handed, besides the functions of `/v1`. */
import type { ErrorReport } from '../errors.ts';
import type { Actor, AuditFilter, AuditView } from '../store/audit.ts';
import type { EventStatus } from '../store/inbox-history.ts';
import type { CheckStep } from '../sync/check.ts';
import type { ConnectionEdit, Difference } from '../sync/edit-connection.ts';
import type { EventView } from '../webhooks/history.ts';
import type { NotificationView } from '../webhooks/notify-log.ts';
import type { EndpointView } from '../webhooks/endpoints.ts';
import type { ConnectionDetail } from './api/contract.ts';

/** What a confirmation tells before somebody acts on a connection. */
export interface ConnectionFacts {
  readonly connection: ConnectionDetail;
  /** of the streams that it mirrors, those that were never read included */
  readonly streams: readonly {
    readonly name: string;
    /** how far it was read; null: from the beginning */
    readonly cursor: string | null;
    readonly records: number;
  }[];
  /** an active run, and the one that waits behind it */
  readonly open: readonly { readonly id: string; readonly slot: 'active' | 'queued' }[];
  /** the newest run, where it holds deletes: which of which streams */
  readonly held: {
    readonly run: string;
    readonly streams: readonly { readonly name: string; readonly message: string }[];
  } | null;
  /** what a removal with everything would erase, besides the records */
  readonly history: { readonly changes: number; readonly events: number };
  /** where the provider has an API for it: the endpoints that are registered, and where a new one would lead */
  readonly webhooks: { readonly endpoints: readonly EndpointView[]; readonly url: string } | null;
}

export interface FormField {
  /** as it is written in sluice.yaml */
  readonly name: string;
  readonly required: boolean;
  readonly description: string;
  /** the values it may have, where there are few */
  readonly options: readonly string[];
  readonly default: string | null;
  /** there may be several, while a secret is rotated */
  readonly list: boolean;
}

/** What a form for a connection of a provider asks for. */
export interface ProviderForm {
  readonly id: string;
  readonly title: string;
  readonly description: string;
  readonly docs: string;
  /** suggested by the provider's definition */
  readonly schedule: string;
  readonly settings: readonly FormField[];
  readonly credentials: readonly FormField[];
  readonly streams: readonly {
    readonly name: string;
    readonly title: string;
    readonly optional: boolean;
    /** described by the connection itself */
    readonly custom: boolean;
  }[];
}

export interface FormProblem {
  /** path below the connection: `id`, `settings.host`, `streams[2]` */
  readonly where: string;
  readonly message: string;
  readonly fix: string;
}

/** A configuration held against its provider, and tried there. Nothing was stored. */
export interface Trial {
  readonly problems: readonly FormProblem[];
  /** a person must consent before it can be tried */
  readonly needsConsent: boolean;
  /** what the provider said; null where it wasn't asked */
  readonly check: { readonly steps: readonly CheckStep[]; readonly error: ErrorReport | null } | null;
}

/** A stored connection as a form shows it. Nothing secret is in it. */
export interface EditableConnection {
  readonly id: string;
  readonly managedBy: 'file' | 'api';
  readonly state: string;
  /** handed back with what was typed, it tells whether somebody else was faster */
  readonly version: string;
  readonly form: ProviderForm;
  readonly values: ConnectionEdit;
  /** how many secrets are stored under each name */
  readonly secrets: Readonly<Record<string, number>>;
  /** its credentials can't be decrypted, and have to be entered again */
  readonly unreadable: boolean;
  /** keys of its configuration that the form doesn't show */
  readonly untouched: readonly string[];
  readonly yaml: string;
}

/** What an edit would do. Nothing was stored. */
export interface EditTrial extends Trial {
  /** what may be meant so */
  readonly warnings: readonly FormProblem[];
  readonly differences: readonly Difference[];
  /** with the edit, as in sluice.yaml */
  readonly yaml: string;
  /** the edit, encrypted, for whoever confirms it; null where something is wrong */
  readonly draft: string | null;
}

export interface EventPage {
  readonly events: readonly EventView[];
  /** hand it back as `before`; null at the end */
  readonly next: string | null;
}

export interface SteeringDeps {
  /** @throws SluiceError `not_found` */
  facts(connectionId: string): Promise<ConnectionFacts>;

  readonly providers: readonly ProviderForm[];
  tryConnection(id: string, body: unknown): Promise<Trial>;
  /** the same connection as it would stand in sluice.yaml, a variable's name in the place of each secret */
  asYaml(id: string, body: Readonly<Record<string, unknown>>): string;
  /** of a stored one */
  storedYaml(id: string): Promise<string>;
  /** @throws SluiceError `not_found`, `provider_unknown` */
  editable(id: string): Promise<EditableConnection>;
  /**
   * `session` is the one that may confirm it; without `check` it isn't tried at the provider.
   *
   * @throws SluiceError `not_found`, `connection_managed_by_file`, `connection_changed`
   */
  tryEdit(
    id: string,
    edit: ConnectionEdit,
    how: { readonly version: string; readonly session: string; readonly check: boolean },
  ): Promise<EditTrial>;
  /** The edit of a draft, for whoever wants to change it. @throws SluiceError as `storeEdit` */
  reopenEdit(id: string, draft: string, session: string): Promise<ConnectionEdit>;
  /**
   * Stores what a preview showed.
   *
   * @throws SluiceError `not_found`, `connection_managed_by_file`, `connection_changed`, `request_invalid`
   */
  storeEdit(actor: Actor, id: string, draft: string, session: string): Promise<void>;
  /** a person must give it access before it can read anything */
  needsConsent(id: string): Promise<boolean>;

  events(filter: {
    readonly connection: string | undefined;
    readonly status: EventStatus | undefined;
    readonly before: string | undefined;
  }): Promise<EventPage>;
  /** with its body as it came; null when its retention is over @throws SluiceError `not_found` */
  event(id: string): Promise<{ readonly event: EventView; readonly body: Buffer | null }>;

  notifications(before: string | undefined): Promise<{
    readonly data: readonly NotificationView[];
    readonly next: string | null;
    /** an address is set */
    readonly configured: boolean;
  }>;
  /** Sends it once more. @throws SluiceError `not_found` */
  resend(actor: Actor, notificationId: string): Promise<void>;

  audit(filter: Omit<AuditFilter, 'limit'>): Promise<{
    readonly entries: readonly AuditView[];
    readonly next: string | null;
  }>;
  /** Writes down what needs no function of ours, such as a login. Never fails. */
  note(actor: Actor, action: string): Promise<void>;
}
