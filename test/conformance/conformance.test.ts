/** Every provider against its simulator: see suite.ts for what is asked of it. */
import { expect, it, vi } from 'vitest';
import { providers } from '../../src/providers/registry.ts';
import { registrations } from './providers/index.ts';
import { conforms } from './suite.ts';

// a test goes over every stream of a provider, and may have to share a busy machine
vi.setConfig({ testTimeout: 120_000 });

it('has a registration for every provider that comes with Sluice', () => {
  const registered = new Set(registrations.map(({ provider }) => provider));
  expect(providers.filter((provider) => !registered.has(provider)).map(({ id }) => id)).toEqual([]);
});

for (const registration of registrations) conforms(registration);
