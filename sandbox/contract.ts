/**
 * What a simulated provider is. Each one joins by its own folder and one line in `index.ts`. Nothing in the sandbox
 * imports the worker's own code: a misreading there must not be repeated here.
 */

import type { Deliveries } from './deliveries.ts';
import type { FaultBox } from './faults.ts';
import type { RequestLog } from './requests.ts';
import type { Row } from './table.ts';

export interface EditCounts {
  readonly creates?: number;
  readonly updates?: number;
  readonly deletes?: number;
  /** default: the provider's main resource */
  readonly resource?: string;
}

/** The ids that an edit touched. */
export interface EditResult {
  readonly resource: string;
  readonly created: readonly string[];
  readonly updated: readonly string[];
  readonly deleted: readonly string[];
}

/** The provider's own truth, which a mirror is compared with. Every object is a copy. */
export interface Source {
  readonly resources: readonly string[];
  count(resource: string): number;
  /** The live objects in id order, exactly as the API returns them to a client that asks for all it can get. */
  list(resource: string): Row[];
  get(resource: string, id: string): Row | undefined;
  /** Adds a record and returns it. The provider gives the id, unless `fields.id` names a removed record, which returns. */
  insert(resource: string, fields?: Readonly<Record<string, unknown>>): Row;
  /** Changes fields of a record and returns it; the provider moves its own "last updated" field. */
  update(resource: string, id: string, fields: Readonly<Record<string, unknown>>): Row;
  remove(resource: string, id: string): void;
  /** Random but deterministic creates, updates and deletes; no record is touched twice by one call. */
  edit(counts: EditCounts): EditResult;
  /** Makes a resource hold exactly `count` records: new ones at the end, or the last ones removed. */
  resize(resource: string, count: number): void;
}

export interface SimulatedProvider {
  readonly id: string;
  /** without a trailing slash; all of them can go into a connection's endpoint overrides */
  readonly urls: { readonly token: string; readonly api: string };
  /** a connection's settings for this account */
  readonly settings: Readonly<Record<string, string>>;
  /** of an application that may use every resource */
  readonly credentials: { readonly clientId: string; readonly clientSecret: string };
  readonly source: Source;
  readonly requests: RequestLog;
  readonly faults: FaultBox;
  /** of providers that document webhooks: what they send, and a resource whose edits are told */
  readonly deliveries?: Deliveries;
  readonly toldResource?: string;
  /** What the control server offers beyond the common commands, by name. Each gets the posted JSON. */
  readonly commands: Readonly<Record<string, (body: Readonly<Record<string, unknown>>) => unknown>>;
  close(): Promise<void>;
}

export interface CommonOptions {
  /** default 1 */
  readonly seed?: number;
  /** default 0: a free one */
  readonly port?: number;
  /** Wall time in milliseconds, for rate limits; default `Date.now`. */
  readonly now?: () => number;
}
