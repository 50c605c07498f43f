/**
 * What a provider hands in to be put through the conformance suite: simulated accounts, and what the suite can't read off
 * its definition. Everything else (streams, change detection, tombstones, webhooks) comes from the definition itself.
 */
import type { FaultAction } from '../../sandbox/faults.ts';
import type { SimulatedProvider } from '../../sandbox/contract.ts';
import type { ErrorCode } from '../../src/errors.ts';
import type { ProviderDefinition, StreamDefinition } from '../../src/providers/contract.ts';
import type { Fleet } from '../support/fleet.ts';

export interface Registration {
  readonly provider: ProviderDefinition;
  /** together they have every stream of the provider */
  readonly accounts: readonly AccountRegistration[];
}

export interface AccountRegistration {
  /** tells it from the provider's other accounts; empty where there is only one */
  readonly title: string;
  start(): Promise<Account>;
}

/** One simulated account. A stream's records are `simulator.source`'s of the same name unless `resourceOf` says otherwise. */
export interface Account {
  readonly simulator: Pick<SimulatedProvider, 'source' | 'faults' | 'requests'>;
  /** for `Fleet.connect`: settings, credentials, endpoints; small pages where the provider has pages */
  readonly connection: Readonly<Record<string, unknown>>;
  /** what a person does before the first sync */
  readonly consent?: (fleet: Fleet, connectionId: string) => Promise<void>;
  readonly resourceOf?: (stream: StreamDefinition) => string;
  /** streams that no deletion is ever told of, with the reason */
  readonly keeps?: Readonly<Record<string, string>>;
  /** streams of whose deletions others' records depend in a way that no feed tells: deleted from last, and alone */
  readonly apart?: readonly string[];
  /** streams that rightly hold more than `source.list` shows */
  readonly showsMore?: (stream: StreamDefinition) => boolean;
  /** the stream that is asked when answers are errors: a list of its own at `path`, `*` for any text */
  readonly probe: { readonly stream: string; readonly path: string };
  /** what the provider documents beyond 401, 403, 404, 429, 5xx and bodies that can't be read */
  readonly answers?: readonly DeclaredAnswer[];
  /** streams whose edits the provider sends messages about; needed where its definition has webhooks */
  readonly webhookStreams?: readonly string[];
  close(): Promise<void>;
}

/** An answer to the next request of the probe, and what becomes of it. */
export interface DeclaredAnswer {
  readonly title: string;
  readonly fault: FaultAction & { readonly times?: number };
  /** how the delivery that met it went on: it waited for this reason, or the stream was over */
  readonly waits: readonly ErrorCode[];
  /** the end of the stream: an error's code, or null where it succeeded after all */
  readonly code: ErrorCode | null;
}
