import { expect, test } from 'vitest';
import { identify } from '../../src/auth/identity.ts';
import type { TokenSubject } from '../../src/auth/contract.ts';
import { subjectAt } from './fleet.ts';

const base = subjectAt('https://auth.example/token', {
  scopes: ['b', 'a'],
  params: { audience: 'x', resource: 'y' },
});

test('equal subjects of different connections have one identity, whatever the order of scopes and parameters', () => {
  const other: TokenSubject = {
    ...base,
    connectionId: 'other',
    scopes: ['a', 'b', 'a'],
    params: { resource: 'y', audience: 'x' },
  };
  expect(identify(other, 'f')).toEqual(identify(base, 'f'));
  expect(identify({ ...base, scopes: ['a b'] }, 'f')).toEqual(identify(base, 'f'));
});

test.each<[string, Partial<TokenSubject>]>([
  ['provider', { provider: 'other' }],
  ['token endpoint', { endpoints: { token: 'https://auth.example/other' } }],
  ['issuer instead of token endpoint', { endpoints: { issuer: 'https://auth.example/token' } }],
  ['client id', { clientId: 'client-2' }],
  ['secret', { clientSecrets: ['other'] }],
  ['a further secret', { clientSecrets: [...base.clientSecrets, 'other'] }],
  ['client authentication', { clientAuth: 'basic' }],
  ['encoding of Basic', { basicEncoding: 'raw' }],
  ['scopes', { scopes: ['a'] }],
  ['parameters', { params: { audience: 'x' } }],
  ['a parameter that reads like two', { params: { audience: 'x","resource":"y' } }],
  ['policy', { policy: 'per-flow' }],
])('another %s is another identity', (_name, change) => {
  const changed = identify({ ...base, ...change }, 'f');
  expect(changed.subject).not.toBe(identify(base, 'f').subject);
  expect(changed.key).not.toBe(identify(base, 'f').key);
});

test('the flow is part of the key of a per-flow token only, and never of the subject', () => {
  const perFlow = { ...base, policy: 'per-flow' } as const;
  expect(identify(base, 'f').key).toBe(identify(base, 'g').key);
  expect(identify(perFlow, 'f').key).not.toBe(identify(perFlow, 'g').key);
  expect(identify(perFlow, 'f').subject).toBe(identify(perFlow, 'g').subject);
});
