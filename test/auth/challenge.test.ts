import { describe, expect, test } from 'vitest';
import { bearerChallenge, readChallenges } from '../../src/auth/challenge.ts';

const lines = (...values: string[]): Headers => {
  const headers = new Headers();
  for (const value of values) headers.append('WWW-Authenticate', value);
  return headers;
};

describe('challenges', () => {
  test('are told apart on one line, with commas and quotes inside of quotes', async () => {
    // RFC 9110 section 11.6.1
    const header = 'Basic realm="simple", Newauth realm="apps", type=1, title="Login to \\"apps\\", please"';
    expect(await readChallenges(lines(header))).toEqual([
      { scheme: 'basic', parameters: { realm: 'simple' } },
      { scheme: 'newauth', parameters: { realm: 'apps', type: '1', title: 'Login to "apps", please' } },
    ]);
  });

  test('are read from several lines, whatever their case', async () => {
    const headers = lines('Negotiate', 'BEARER Error="invalid_token", ERROR_DESCRIPTION="It expired, sorry"');
    expect(await bearerChallenge(headers)).toEqual({
      error: 'invalid_token',
      description: 'It expired, sorry',
      scopes: [],
    });
  });

  test.each([
    ['absent', new Headers()],
    ['empty', lines('')],
    ['of another scheme', lines('Basic realm="x"', 'Negotiate abc==')],
    ['unreadable', lines('Bearer error=')],
    ['cut in a quote', lines('Bearer error="invalid_tok')],
    ['words', lines('please log in first, thank you = x y')],
    ['very long', lines(`Bearer error="invalid_token", x="${'a'.repeat(10_000)}"`)],
  ])('name no Bearer error where the header is %s', async (_name, headers) => {
    expect((await bearerChallenge(headers))?.error).toBeUndefined();
  });

  test('of Bearer may stand behind another and behind one without an error', async () => {
    const headers = lines(
      'Basic realm="a, Bearer error=\\"no\\"", Bearer realm="first"',
      'Bearer realm="second", error=insufficient_scope, scope="leaves.readonly  employees.readonly"',
    );
    expect(await bearerChallenge(headers)).toEqual({
      error: 'insufficient_scope',
      description: undefined,
      scopes: ['leaves.readonly', 'employees.readonly'],
    });
  });

  test('without any parameter are challenges still', async () => {
    expect(await bearerChallenge(lines('Bearer'))).toEqual({
      error: undefined,
      description: undefined,
      scopes: [],
    });
  });
});
