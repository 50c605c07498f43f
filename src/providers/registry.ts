/** The providers that come with Sluice. */
import type { ProviderDefinition } from './contract.ts';
import { coloop } from './coloop/index.ts';
import { floriday } from './floriday/index.ts';
import { lockit } from './lockit/index.ts';
import { loke } from './loke/index.ts';
import { lucca } from './lucca/index.ts';

export const providers: readonly ProviderDefinition[] = [lucca, floriday, loke, lockit, coloop];

export function findProvider(id: string): ProviderDefinition | undefined {
  return providers.find((provider) => provider.id === id);
}
