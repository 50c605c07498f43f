import { describe, expect, test } from 'vitest';
import type { AccessToken } from '../../src/auth/contract.ts';
import type { GuardedResponse } from '../../src/net/contract.ts';
import { forbidden, unauthorized, type Refusal } from '../../src/outbound/refusal.ts';
import type { ResolvedConnection } from '../../src/providers/connection.ts';
import type { StreamDefinition } from '../../src/providers/contract.ts';

const stream = { name: 'leaves', scopes: ['leaves.readonly'] } as unknown as StreamDefinition;
const connection = {
  credentials: {},
  provider: { title: 'Sample' },
  scopes: ['leaves.readonly', 'employees.readonly'],
} as unknown as ResolvedConnection;

function refusal(
  challenge: string | string[],
  granted = connection.scopes,
  more: Partial<Refusal> = {},
): Refusal {
  const headers = new Headers();
  for (const line of [challenge].flat()) if (line !== '') headers.append('www-authenticate', line);
  const answer: GuardedResponse = {
    status: 403,
    headers,
    body: Buffer.from('{}'),
    url: 'https://api.example/leaves',
  };
  const token: AccessToken = {
    value: 'tok-secret-1',
    fingerprint: 'f',
    obtainedAt: 0,
    expiresAt: 1,
    scopes: granted,
    requested: false,
  };
  return {
    answer,
    request: { connection, stream },
    token,
    path: '/leaves',
    details: { status: 403 },
    ...more,
  };
}

describe('a 403', () => {
  test('with insufficient_scope names the scope in message, advice and details', async () => {
    const error = await forbidden(
      refusal(['Basic realm="a, b"', 'bearer ERROR="insufficient_scope", scope="leaves.write leaves.read"']),
    );
    expect(error.code).toBe('provider_forbidden');
    expect(error.message).toBe('Sample forbids /leaves (403): insufficient_scope.');
    expect(error.advice).toMatch(
      /the scopes leaves\.write, leaves\.read at Sample .*leave the stream leaves out/,
    );
    expect(error.details).toEqual({
      status: 403,
      oauthError: 'insufficient_scope',
      scopes: ['leaves.write', 'leaves.read'],
    });
  });

  test('names a scope that was asked for and that the token endpoint did not grant', async () => {
    const error = await forbidden(refusal('', ['employees.readonly']));
    expect(error.message).toContain('the token was granted without leaves.readonly');
    expect(error.advice).toContain('the scope leaves.readonly at Sample');
    expect(error.details['missingScopes']).toEqual(['leaves.readonly']);
  });

  test('keeps the advice of the catalogue where nothing names a scope', async () => {
    const error = await forbidden(refusal(''));
    expect(error.message).toBe('Sample forbids /leaves (403).');
    expect(error.advice).toContain('the missing permission');
  });

  test('says what the provider says besides its definition', async () => {
    const own = {
      ...connection,
      provider: { ...connection.provider, explainForbidden: () => 'the add-on is not installed' },
    } as ResolvedConnection;
    const error = await forbidden(
      refusal('Bearer error="insufficient_scope", error_description="No add-on."', connection.scopes, {
        request: { connection: own, stream },
      }),
    );
    expect(error.message).toBe(
      'Sample forbids /leaves (403): insufficient_scope, No add-on: the add-on is not installed.',
    );
  });
});

describe('a 401', () => {
  test('carries the error and the description of its challenge', async () => {
    const error = await unauthorized(
      refusal(
        'Bearer realm="api", error="invalid_token", error_description="The token was revoked, \\"today\\""',
      ),
    );
    expect(error.code).toBe('provider_unauthorized');
    expect(error.message).toBe(
      'Sample refused the token (401) on /leaves: invalid_token, The token was revoked, "today".',
    );
    expect(error.details['oauthError']).toBe('invalid_token');
  });

  test('shows neither the token nor control characters, and no more than a sentence', async () => {
    const said = `bad tok-secret-1 \u0085 ${'x'.repeat(900)}`;
    const error = await unauthorized(refusal(`Bearer error="invalid_token", error_description="${said}"`));
    const shown = JSON.stringify([error.message, error.advice, error.details]);
    expect(shown).not.toContain('tok-secret-1');
    expect(shown).not.toContain('\u0085');
    expect(error.message.length).toBeLessThan(400);
  });
});
