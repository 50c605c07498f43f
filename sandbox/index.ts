/** Starts simulated providers on this machine, for the demo and the tests. */

import { startControl } from './control.ts';
import { startCoLoop } from './coloop/server.ts';
import type { CoLoopOptions, CoLoopSandbox } from './coloop/server.ts';
import type { SimulatedProvider } from './contract.ts';
import { startFloriday } from './floriday/server.ts';
import type { FloridayOptions, FloridaySandbox } from './floriday/server.ts';
import { startLockit } from './lockit/server.ts';
import type { LockitOptions, LockitSandbox } from './lockit/server.ts';
import { startLoke } from './loke/server.ts';
import type { LokeOptions, LokeSandbox } from './loke/server.ts';
import { startLucca } from './lucca/server.ts';
import type { LuccaOptions, LuccaSandbox } from './lucca/server.ts';

/** Every simulated provider. A further one is added here and in the two types below. */
const starters: { readonly [Id in ProviderId]: (options: ProviderOptions[Id]) => Promise<Simulated[Id]> } = {
  lucca: startLucca,
  floriday: startFloriday,
  loke: startLoke,
  lockit: startLockit,
  coloop: startCoLoop,
};

export interface Simulated {
  lucca: LuccaSandbox;
  floriday: FloridaySandbox;
  loke: LokeSandbox;
  lockit: LockitSandbox;
  coloop: CoLoopSandbox;
}

export interface ProviderOptions {
  lucca: LuccaOptions;
  floriday: FloridayOptions;
  loke: LokeOptions;
  lockit: LockitOptions;
  coloop: CoLoopOptions;
}

export type ProviderId = keyof Simulated;

export const PROVIDER_IDS = Object.keys(starters) as readonly ProviderId[];

/**
 * How a provider is told to have no rate limits; for Lucca, requests that no client makes in a limit's window. Those with
 * nothing here document no limit, and have none.
 */
const UNLIMITED: { readonly [Id in ProviderId]: Partial<ProviderOptions[Id]> } = {
  lucca: { limits: { requests: 1_000_000_000 } },
  floriday: { limits: { mode: 'off' } },
  loke: {},
  lockit: {},
  coloop: {},
};

export type SandboxOptions<Id extends ProviderId> = Partial<Pick<ProviderOptions, Id>> & {
  /** default: all */
  readonly providers?: readonly Id[];
  /** of all providers that have none of their own; default 1 */
  readonly seed?: number;
  /**
   * size of all providers that have none of their own: the number of Lucca's employees, Floriday's trade items,
   * LOKE's customers, LockitNetwork's scenes, CoLoop's projects
   */
  readonly records?: number;
  /** rate limits of all providers that have none of their own; default `documented` */
  readonly limits?: 'documented' | 'off';
  /** port of the control server, 0 for a free one; default: no control server */
  readonly controlPort?: number;
};

export interface Sandbox<Id extends ProviderId = ProviderId> {
  readonly providers: { readonly [K in Id]: Simulated[K] };
  /** address of the control server, without a trailing slash; null without one */
  readonly control: string | null;
  /** Stops everything, ends open connections, frees the ports. May be called twice. */
  close(): Promise<void>;
}

/**
 * Starts the chosen providers, each on its own port of 127.0.0.1.
 *
 * @throws Error when a port is taken; nothing is left running then
 */
export async function startSandbox<Id extends ProviderId = ProviderId>(
  options: SandboxOptions<Id> = {},
): Promise<Sandbox<Id>> {
  const ids = options.providers ?? (PROVIDER_IDS as readonly Id[]);
  const started: Partial<Record<Id, SimulatedProvider>> = {};
  const closers: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(closers.splice(0).map((closeOne) => closeOne()));
  };
  try {
    for (const id of ids) {
      const common = {
        ...(options.seed === undefined ? {} : { seed: options.seed }),
        ...(options.records === undefined ? {} : { records: options.records }),
      };
      const limits = options.limits === 'off' ? UNLIMITED[id] : {};
      const own: ProviderOptions[Id] = Object.assign({}, common, limits, options[id]);
      const provider = await starters[id](own);
      closers.push(() => provider.close());
      started[id] = provider;
    }
    let control: string | null = null;
    if (options.controlPort !== undefined) {
      const server = await startControl(Object.values(started), options.controlPort);
      closers.push(() => server.close());
      control = server.origin;
    }
    return { providers: started as Sandbox<Id>['providers'], control, close };
  } catch (error) {
    await close();
    throw error;
  }
}
