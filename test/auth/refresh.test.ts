import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import type { TokenSubject } from '../../src/auth/contract.ts';
import { SluiceError } from '../../src/errors.ts';
import { replaceGrant, grantIdentity } from '../../src/store/grants.ts';
import { CLIENT } from '../support/authorization-server.ts';
import { waitFor } from '../support/wait.ts';
import { openGate } from '../support/gate.ts';
import { openGrantsBench, vault, worksFor, type GrantsBench, type Member } from './grants-bench.ts';

let bench: GrantsBench;
let count = 0;

beforeAll(async () => {
  // the server warns about its in-memory storage and the Node version
  vi.spyOn(console, 'info').mockImplementation(() => undefined);
  vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  bench = await openGrantsBench();
});
afterAll(async () => {
  await bench.close();
  vi.restoreAllMocks();
});
afterEach(() => {
  bench.server.fault = () => undefined;
  bench.server.intercept = () => false;
  bench.server.down = false;
  bench.server.reuses.count = 0;
});

const newId = (): string => `acme-${(count += 1)}`;

async function failure(member: Member, subject: TokenSubject): Promise<SluiceError> {
  const error: unknown = await member.refresher.requestToken(subject).then(
    () => 'a token',
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(SluiceError);
  return error as SluiceError;
}

/** The lock's connection of a member, as the server sees it. */
async function killLock(member: Member): Promise<void> {
  const killed = await waitFor(
    async () => {
      const { rowCount } = await bench.pool.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
          where application_name = $1 and state = 'idle in transaction'`,
        [member.name],
      );
      return rowCount === 0 ? undefined : rowCount;
    },
    10_000,
    () => 'no connection holds the lock',
  );
  expect(killed).toBe(1);
}

/** Holds the answer of the next token request until it is let go. */
function holdNext(): { reached: Promise<void>; letGo: () => void } {
  let reach!: () => void;
  let letGo!: () => void;
  const reached = new Promise<void>((resolve) => (reach = resolve));
  const gate = new Promise<void>((resolve) => (letGo = resolve));
  bench.server.fault = async () => {
    bench.server.fault = () => undefined;
    reach();
    await gate;
    return undefined;
  };
  return { reached, letGo };
}

describe('a refresh', () => {
  test('stores the rotated token before it gives the access token away, and spends each token once', async () => {
    const id = newId();
    const subject = await bench.grant(id);
    const first = await bench.token(id);
    const member = bench.member();
    const one = await member.refresher.requestToken(subject);
    expect(await worksFor(bench.server, one.value)).toBe('ada');
    const second = await bench.token(id);
    expect(second).not.toBe(first);
    await member.refresher.requestToken(subject);
    expect(await bench.token(id)).not.toBe(second);
    expect(await bench.row(id)).toMatchObject({ version: '3' });
    expect((await bench.row(id)).last_used_at).not.toBeNull();
    expect(await bench.intents()).toBe(0);
    expect(bench.server.reuses.count).toBe(0);
  });

  test('of many processes at once comes one after the other, each with the newest token', async () => {
    const id = newId();
    const subject = await bench.grant(id);
    const members = Array.from({ length: 4 }, () => bench.member());
    const tokens = await Promise.all(members.map((member) => member.refresher.requestToken(subject)));
    expect(new Set(tokens.map(({ value }) => value)).size).toBe(4);
    expect(bench.server.reuses.count).toBe(0);
    expect((await bench.row(id)).version).toBe('5');
  });

  test('keeps the old refresh token where the answer brings none', async () => {
    const id = newId();
    const subject = await bench.grant(id);
    const before = await bench.token(id);
    bench.server.intercept = (_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ access_token: 'at-1', token_type: 'bearer', expires_in: '7200' }));
      return true;
    };
    const issued = await bench.member().refresher.requestToken(subject);
    expect(issued).toMatchObject({ value: 'at-1', lifetimeMs: 7_200_000 });
    expect(await bench.token(id)).toBe(before);
    expect(await bench.row(id)).toMatchObject({ version: '2' });
    expect(await bench.intents()).toBe(0);
  });

  test('stores a rotated token although the access token beside it can be of no use', async () => {
    const id = newId();
    const subject = await bench.grant(id);
    bench.server.intercept = (_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ access_token: 'a b', token_type: 'bearer', refresh_token: 'rt-new' }));
      return true;
    };
    expect((await failure(bench.member(), subject)).code).toBe('token_response_invalid');
    expect(await bench.token(id)).toBe('rt-new');
  });

  test('learns the life of the refresh token from the answer', async () => {
    const id = newId();
    const subject = await bench.grant(id);
    bench.server.intercept = (_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const body = {
        access_token: 'a',
        token_type: 'bearer',
        refresh_token: 'r',
        refresh_token_expires_in: 600,
      };
      response.end(JSON.stringify(body));
      return true;
    };
    await bench.member().refresher.requestToken(subject);
    const { expires_at } = await bench.row(id);
    const left = (expires_at?.getTime() ?? 0) - Date.now();
    expect(left).toBeGreaterThan(300_000);
    expect(left).toBeLessThanOrEqual(600_000);
  });

  test('of a connection that nobody has connected says so', async () => {
    const id = newId();
    const subject = await bench.grant(id);
    await bench.pool.query(`delete from sluice.grants where connection_id = $1`, [id]);
    const error = await failure(bench.member(), subject);
    expect(error).toMatchObject({ code: 'not_connected', kind: 'auth' });
    expect(error.advice).toContain(`sluice connect ${id}`);
  });

  test('is not made with another application than the one that was connected', async () => {
    const id = newId();
    const subject = await bench.grant(id);
    const before = bench.server.tokenRequests.length;
    expect(await failure(bench.member(), { ...subject, clientId: 'other' })).toMatchObject({
      code: 'not_connected',
    });
    expect(bench.server.tokenRequests.length).toBe(before);
  });

  test('ends at once where it was told to stop before it began', async () => {
    const subject = await bench.grant(newId());
    const before = bench.server.tokenRequests.length;
    const stop = AbortSignal.abort(new Error('stop'));
    await expect(bench.member().refresher.requestToken(subject, stop)).rejects.toThrow('stop');
    expect(bench.server.tokenRequests.length).toBe(before);
  });
});

describe('an answer that is cut', () => {
  const cuts = {
    'before its headers': (response: import('node:http').ServerResponse) => response.destroy(),
    'inside its headers': (response: import('node:http').ServerResponse) => {
      response.socket?.write('HTTP/1.1 200 OK\r\ncontent-type: appl');
      response.socket?.destroySoon();
    },
    'after its headers': (response: import('node:http').ServerResponse) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
      response.write('{"access_token":"half', () => response.destroy());
    },
  };

  test.each(Object.entries(cuts))(
    '%s leaves the outcome unknown: the old token is tried once more, then a person is asked',
    async (_, cut) => {
      const id = newId();
      const subject = await bench.grant(id);
      bench.server.fault = (_exchange, response) => {
        cut(response);
        return 'handled';
      };
      const member = bench.member();
      const before = bench.server.tokenRequests.length;
      expect(await failure(member, subject)).toMatchObject({
        kind: 'transient',
        details: { spent: 'unknown' },
      });
      expect(await bench.intents()).toBe(1);
      expect((await bench.state(id)).state).toBe('active');
      // the server did rotate: to it the old token is a reuse
      bench.server.fault = () => undefined;
      expect((await failure(member, subject)).code).toBe('grant_rejected');
      expect(bench.server.tokenRequests.length).toBe(before + 2);
      expect(await bench.state(id)).toEqual({ state: 'needs_reconnect', state_code: 'grant_rejected' });
      expect(await bench.intents()).toBe(0);
    },
  );

  test('twice ends in refresh_outcome_unknown, and a person may try once more', async () => {
    const id = newId();
    const subject = await bench.grant(id);
    // cut before the server has seen it: the token is good, and nobody knows
    bench.server.intercept = (_, response) => {
      response.destroy();
      return true;
    };
    const member = bench.member();
    expect((await failure(member, subject)).code).toBe('token_endpoint_unavailable');
    expect((await failure(member, subject)).code).toBe('refresh_outcome_unknown');
    expect(await bench.state(id)).toEqual({
      state: 'needs_reconnect',
      state_code: 'refresh_outcome_unknown',
    });
    bench.server.intercept = () => false;
    const issued = await member.refresher.requestToken(subject);
    expect(await worksFor(bench.server, issued.value)).toBe('ada');
  });

  test('asks for a person at once where the provider is one that punishes a second use', async () => {
    const id = newId();
    const subject = await bench.grant(id, { unknownOutcome: 'reconnect' });
    bench.server.fault = (_, response) => {
      response.destroy();
      return 'handled';
    };
    const before = bench.server.tokenRequests.length;
    expect((await failure(bench.member(), subject)).code).toBe('refresh_outcome_unknown');
    expect(bench.server.tokenRequests.length).toBe(before + 1);
    expect(await bench.state(id)).toEqual({
      state: 'needs_reconnect',
      state_code: 'refresh_outcome_unknown',
    });
    expect(bench.server.reuses.count).toBe(0);
  });

  test('is told from a request that never left', async () => {
    const id = newId();
    const subject = await bench.grant(id, { unknownOutcome: 'reconnect' });
    const nowhere = { ...subject, endpoints: { token: 'http://127.0.0.1:9/token' } };
    expect(await failure(bench.member(), nowhere)).toMatchObject({
      code: 'token_endpoint_unavailable',
      details: { spent: 'no' },
    });
    expect(await bench.intents()).toBe(0);
    await bench.member().refresher.requestToken(subject);
  });
});

describe('a refusal', () => {
  test('of the client forgets nothing', async () => {
    const id = newId();
    const subject = await bench.grant(id);
    const before = await bench.row(id);
    const error = await failure(bench.member(), { ...subject, clientSecrets: ['wrong'] });
    expect(error).toMatchObject({ code: 'token_client_rejected', kind: 'config' });
    expect(await bench.row(id)).toEqual(before);
    expect(await bench.intents()).toBe(0);
    await bench.member().refresher.requestToken({ ...subject, clientSecrets: ['wrong', CLIENT.secret] });
  });

  test('of an outage forgets nothing either', async () => {
    const id = newId();
    const subject = await bench.grant(id, { unknownOutcome: 'reconnect' });
    bench.server.intercept = (_, response) => {
      response.writeHead(503, { 'retry-after': '7' }).end('later');
      return true;
    };
    expect((await failure(bench.member(), subject)).code).toBe('token_endpoint_unavailable');
    bench.server.intercept = () => false;
    await bench.member().refresher.requestToken(subject);
    expect((await bench.state(id)).state).toBe('active');
  });

  test('of the refresh token parks the connection, and those who were waiting ask no more', async () => {
    const id = newId();
    const subject = await bench.grant(id);
    await bench.pool.query(`update sluice.grants set refresh_token = $2 where connection_id = $1`, [
      id,
      vault.encrypt('made-up', grantIdentity(id)),
    ]);
    const held = holdNext();
    const before = bench.server.tokenRequests.length;
    const first = failure(bench.member(), subject);
    await held.reached;
    const waiting = bench.member();
    const second = failure(waiting, subject);
    await waitFor(async () => {
      const { rowCount } = await bench.pool.query(
        `select 1 from pg_stat_activity where application_name = $1 and wait_event_type = 'Lock'`,
        [waiting.name],
      );
      return rowCount === 1 ? true : undefined;
    }, 10_000);
    held.letGo();
    expect(await first).toMatchObject({ code: 'grant_rejected', kind: 'auth' });
    expect(['grant_rejected', 'token_wait']).toContain((await second).code);
    expect(bench.server.tokenRequests.length).toBe(before + 1);
    expect(await bench.state(id)).toEqual({ state: 'needs_reconnect', state_code: 'grant_rejected' });
    expect((await bench.row(id)).refresh_token).not.toBeNull();
  });

  test('never shows the refresh token, whatever the server repeats', async () => {
    const id = newId();
    const subject = await bench.grant(id);
    const secret = await bench.token(id);
    bench.server.intercept = (form, response) => {
      response.writeHead(400, { 'content-type': 'application/json' });
      const description = `unknown token ${form.get('refresh_token')} of ${form.get('client_secret')}`;
      response.end(JSON.stringify({ error: 'invalid_grant', error_description: description }));
      return true;
    };
    const error = await failure(bench.member(), subject);
    expect(error.message).toContain('[redacted]');
    expect(JSON.stringify([error.message, error.details])).not.toContain(secret);
    const { rows } = await bench.pool.query(`select state_reason from sluice.connections where id = $1`, [
      id,
    ]);
    expect(JSON.stringify(rows)).not.toContain(secret);
  });
});

describe('a lock that is lost', () => {
  test('between answer and commit: the rotated token is stored by another connection', async () => {
    const id = newId();
    const subject = await bench.grant(id);
    const before = await bench.token(id);
    const held = holdNext();
    const member = bench.member();
    const asked = member.refresher.requestToken(subject);
    await held.reached;
    await killLock(member);
    held.letGo();
    const issued = await asked;
    expect(await worksFor(bench.server, issued.value)).toBe('ada');
    expect(await bench.token(id)).not.toBe(before);
    expect(await bench.intents()).toBe(0);
    await bench.member().refresher.requestToken(subject);
    expect(bench.server.reuses.count).toBe(0);
  });

  test('keeps the others waiting while the request may be under way, without a second use', async () => {
    const id = newId();
    const subject = await bench.grant(id);
    const held = holdNext();
    const member = bench.member();
    const asked = member.refresher.requestToken(subject);
    await held.reached;
    await killLock(member);
    const other = await failure(bench.member(), subject);
    expect(other).toMatchObject({ code: 'token_wait', kind: 'transient' });
    expect(other.details['retryAt']).toBeGreaterThan(Date.now());
    held.letGo();
    await asked;
    expect(bench.server.reuses.count).toBe(0);
  });

  test('and a sibling that rotates meanwhile: invalid_grant is no reason to park', async () => {
    const id = newId();
    const subject = await bench.grant(id);
    const member = bench.member();
    let reach!: () => void;
    let letGo!: () => void;
    const reached = new Promise<void>((resolve) => (reach = resolve));
    const gate = new Promise<void>((resolve) => (letGo = resolve));
    // our request arrives late, and finds its token spent; the server is one that does no more than refuse it
    bench.server.intercept = async (_, response) => {
      bench.server.intercept = () => false;
      reach();
      await gate;
      response.writeHead(400, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ error: 'invalid_grant' }));
      return true;
    };
    const asked = member.refresher.requestToken(subject);
    await reached;
    await killLock(member);
    // a sibling for which the life of our intent is over
    const sibling = bench.member({ intentLifeMs: 0 });
    await sibling.refresher.requestToken(subject);
    letGo();
    expect(await worksFor(bench.server, (await asked).value)).toBe('ada');
    expect(await bench.state(id)).toEqual({ state: 'active', state_code: null });
    expect((await bench.row(id)).version).toBe('3');
    expect(bench.server.reuses.count).toBe(0);
  });
});

describe('a database that goes away between answer and commit', () => {
  test('and comes back in time gets the rotated token', async () => {
    const id = newId();
    const subject = await bench.grant(id);
    const before = await bench.token(id);
    const gate = await openGate(bench.database.url);
    const member = bench.member({ url: gate.url });
    const held = holdNext();
    const asked = member.refresher.requestToken(subject);
    await held.reached;
    gate.shut();
    held.letGo();
    await gate.knocked();
    gate.open();
    const issued = await asked;
    expect(await worksFor(bench.server, issued.value)).toBe('ada');
    expect(await bench.token(id)).not.toBe(before);
    await bench.member().refresher.requestToken(subject);
    expect(bench.server.reuses.count).toBe(0);
    await member.close();
    await gate.close();
  });

  test('for longer: the access token is not given away, and the process stores what it holds when it can', async () => {
    const id = newId();
    const subject = await bench.grant(id);
    const before = await bench.token(id);
    const gate = await openGate(bench.database.url);
    const member = bench.member({ url: gate.url, storePatienceMs: 300 });
    const held = holdNext();
    const asked = failure(member, subject);
    await held.reached;
    gate.shut();
    held.letGo();
    expect(await asked).toMatchObject({ code: 'refresh_unsaved', kind: 'transient' });
    expect(await bench.token(id)).toBe(before);
    gate.open();
    await member.refresher.requestToken(subject);
    expect((await bench.row(id)).version).toBe('3');
    expect(bench.server.reuses.count).toBe(0);
    await member.close();
    await gate.close();
  });
});

describe('a new consent', () => {
  test('during a refresh wins, and the late answer changes nothing', async () => {
    const id = newId();
    const subject = await bench.grant(id);
    const held = holdNext();
    const member = bench.member();
    const asked = failure(member, subject);
    await held.reached;
    await killLock(member);
    const token = await bench.consent();
    await replaceGrant(bench.pool, {
      connectionId: id,
      epoch: 'newer',
      refreshToken: vault.encrypt(token, grantIdentity(id)),
      clientId: CLIENT.id,
      scopes: [],
      account: null,
      expiresAt: null,
    });
    held.letGo();
    expect(await asked).toMatchObject({ code: 'grant_replaced', kind: 'transient' });
    expect(await bench.token(id)).toBe(token);
    expect(await bench.row(id)).toMatchObject({ epoch: 'newer', version: '1' });
    expect((await bench.state(id)).state).toBe('active');
    const { userGrant } = subject;
    const renewed = { ...subject, userGrant: { ...userGrant!, epoch: 'newer' } };
    await bench.member().refresher.requestToken(renewed);
  });
});
