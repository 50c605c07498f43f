import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AccessToken, TokenSubject } from '../../src/auth/contract.ts';
import { identify } from '../../src/auth/identity.ts';
import { SluiceError } from '../../src/errors.ts';
import { openTestCache, type TestCache } from '../support/token-cache.ts';
import { createClock, flow, SECRET, type Member, type MemberOptions } from './fleet.ts';
import { newSubject, server, useTokenFleet } from './token-fleet.ts';
import type { TokenReply } from './token-server.ts';

let shared: TestCache;

beforeAll(async () => {
  shared = await openTestCache();
});
afterAll(() => shared.close());

const fleetOf = useTokenFleet(() => shared.place);
const join = (options: Partial<MemberOptions> = {}): Member => fleetOf(1, options)[0] as Member;

async function all(count: number, fleet: Member[], call: (member: Member) => Promise<AccessToken>) {
  return Promise.all(fleet.flatMap((member) => Array.from({ length: count }, () => call(member))));
}

/** Makes the server hold its answers until the test lets them go. */
function holdAnswers(): { release(reply?: TokenReply): void } {
  const waiting: ((reply: TokenReply) => void)[] = [];
  server.answer = () => new Promise((resolve) => waiting.push(resolve));
  return {
    release(reply) {
      for (const resolve of waiting.splice(0)) resolve(reply ?? server.grant());
    },
  };
}

const down: TokenReply = { status: 503, body: 'maintenance' };

describe('one request', () => {
  test('serves 50 concurrent cold calls in each of 4 processes, and is counted once', async () => {
    const subject = newSubject();
    const tokens = await all(50, fleetOf(4), ({ service }) => service.get(subject, flow()));
    expect(server.requests).toHaveLength(1);
    expect(new Set(tokens.map(({ value }) => value))).toEqual(new Set(server.issued));
    expect(tokens.filter(({ requested }) => requested)).toHaveLength(1);
  });

  test('serves connections that share an application, and no others', async () => {
    const [member] = fleetOf(1) as [Member];
    const subject = newSubject();
    const get = (changes: Partial<TokenSubject>) => member.service.get({ ...subject, ...changes }, flow());
    const first = await get({});
    expect((await get({ connectionId: 'other' })).value).toBe(first.value);
    expect((await get({ scopes: ['write'] })).value).not.toBe(first.value);
    expect((await get({ clientSecrets: ['another'] })).value).not.toBe(first.value);
    expect(server.requests).toHaveLength(3);
  });

  test('is made for each flow of a per-flow subject, and shared inside the flow by all processes', async () => {
    const fleet = fleetOf(4);
    const subject = newSubject({ policy: 'per-flow' });
    const flows = ['one', 'two', 'three'];
    const byFlow = await Promise.all(
      flows.map((id) => all(10, fleet, ({ service }) => service.get(subject, flow(id)))),
    );
    expect(server.requests).toHaveLength(3);
    const values = byFlow.map((tokens) => new Set(tokens.map(({ value }) => value)));
    expect(values.map(({ size }) => size)).toEqual([1, 1, 1]);
    expect(new Set(values.flatMap((set) => [...set])).size).toBe(3);
  });

  test('is made again for a flow that has ended, in cache and memory, and touches no other flow', async () => {
    const [a, b] = fleetOf(2) as [Member, Member];
    const subject = newSubject({ policy: 'per-flow' });
    const ended = await a.service.get(subject, flow('ending'));
    const other = await a.service.get(subject, flow('other'));
    await a.service.endFlow('ending');
    expect(await shared.tokensOfFlow('ending')).toBe(0);
    expect((await b.service.get(subject, flow('ending'))).value).not.toBe(ended.value);
    expect((await a.service.get(subject, flow('ending'))).value).not.toBe(ended.value);
    expect((await b.service.get(subject, flow('other'))).value).toBe(other.value);
    expect(server.requests).toHaveLength(3);
  });

  test('is not cancelled by a caller who leaves', async () => {
    const { service } = join();
    const subject = newSubject();
    const answers = holdAnswers();
    const abort = new AbortController();
    const leaving = service.get(subject, flow('f', { signal: abort.signal }));
    const staying = service.get(subject, flow());
    await expect.poll(() => server.requests.length).toBe(1);
    abort.abort(new Error('the job was cancelled'));
    await expect(leaving).rejects.toThrow('the job was cancelled');
    answers.release();
    expect((await staying).value).toBe(server.issued[0]);
    expect((await staying).requested).toBe(true);
    expect(server.requests).toHaveLength(1);
  });

  test('goes on when its caller has no more time, and the next caller finds the token', async () => {
    const { service } = join();
    const subject = newSubject();
    const answers = holdAnswers();
    const before = Date.now();
    const error: unknown = await service.get(subject, flow('f', { maxWaitMs: 50 })).catch((reason) => reason);
    expect(error).toMatchObject({ code: 'token_wait', kind: 'transient' });
    expect((error as SluiceError).details['retryAt']).toBeGreaterThan(before);
    await expect.poll(() => server.requests.length).toBe(1);
    answers.release();
    expect((await service.get(subject, flow())).value).toBe(server.issued[0]);
    expect(server.requests).toHaveLength(1);
  });

  test('ends when the service closes', async () => {
    const member = join();
    const answers = holdAnswers();
    const subject = newSubject();
    const waiting = member.service.get(subject, flow());
    // awaited below, when the service has closed
    // oxlint-disable-next-line vitest/valid-expect
    const refused = expect(waiting).rejects.toMatchObject({ code: 'shutdown' });
    await expect.poll(() => server.requests.length).toBe(1);
    await member.service.close();
    await refused;
    await expect(member.service.get(subject, flow())).rejects.toMatchObject({ code: 'shutdown' });
    answers.release();
    // the lock was given back: another process need not wait for its end
    const next = await join().cache.acquire(identify(subject, '').key, 'next', 1);
    expect(next).not.toBeNull();
  });
});

test('a token that lives while another process renews it is served without waiting', async () => {
  const clock = createClock();
  const [a, b] = fleetOf(2, { now: clock.now }) as [Member, Member];
  const subject = newSubject();
  const old = await a.service.get(subject, flow());
  clock.advance(3_550_000);
  const answers = holdAnswers();
  const renewing = a.service.get(subject, flow());
  await expect.poll(() => server.requests.length).toBe(2);
  expect((await b.service.get(subject, flow())).value).toBe(old.value);
  answers.release();
  const renewed = await renewing;
  expect((await b.service.get(subject, flow())).value).toBe(renewed.value);
});

describe('the lock', () => {
  test('of a dead process is taken over when its life is over', async () => {
    const member = join();
    const subject = newSubject();
    const { key } = identify(subject, '');
    const fence = await member.cache.acquire(key, 'dead', 400);
    const lockEnd = await shared.lockEnds(key);
    const token = await member.service.get(subject, flow());
    // the cache server has this machine's clock; ours counts whole milliseconds
    expect(token.obtainedAt).toBeGreaterThanOrEqual(Math.floor(lockEnd));
    expect(server.requests).toHaveLength(1);
    const { token: stored } = await member.cache.read(key, '');
    expect(stored?.fingerprint).toBe(token.fingerprint);
    expect(stored?.fence).toBeGreaterThan(fence ?? 0n);
  });

  test('is kept for as long as the request runs', async () => {
    // long enough for a machine that stands still for a second: a holder that is late for its renewal loses the lock
    const [a, b] = fleetOf(2, { lockLifeMs: 3_000 }) as [Member, Member];
    const subject = newSubject();
    const answers = holdAnswers();
    const first = a.service.get(subject, flow());
    await expect.poll(() => server.requests.length).toBe(1);
    const { key } = identify(subject, '');
    const atFirst = await shared.lockEnds(key);
    const second = b.service.get(subject, flow());
    // renewed past its first life
    await expect
      .poll(() => shared.lockEnds(key), { interval: 50, timeout: 20_000 })
      .toBeGreaterThan(atFirst + 3_000);
    answers.release();
    expect((await second).value).toBe((await first).value);
    expect(server.requests).toHaveLength(1);
  });

  test('that was lost lets its late holder neither overwrite nor release', async () => {
    const [late, next] = fleetOf(2, { lockLifeMs: 600_000 }) as [Member, Member];
    const subject = newSubject();
    const { key } = identify(subject, '');
    const answers = holdAnswers();
    const lateToken = late.service.get(subject, flow());
    await expect.poll(() => server.requests.length).toBe(1);
    await shared.endLock(key);
    server.answer = () => server.grant();
    const nextToken = await next.service.get(subject, flow());
    const fence = await next.cache.acquire(key, 'third', 600_000);
    answers.release();
    expect((await lateToken).value).not.toBe(nextToken.value);
    const { token: stored } = await next.cache.read(key, '');
    expect(stored?.fingerprint).toBe(nextToken.fingerprint);
    expect(await next.cache.renew(key, 'third', fence ?? 0n, 1)).toBe(true);
    // and the late one goes over to what the fleet has
    expect((await late.service.get(subject, flow())).value).toBe(nextToken.value);
  });
});

describe('a token that ages', () => {
  test('is replaced a minute before its end, once for the fleet', async () => {
    const clock = createClock();
    const fleet = fleetOf(4, { now: clock.now });
    const subject = newSubject();
    const [first] = await all(5, fleet, ({ service }) => service.get(subject, flow()));
    clock.advance(3_479_000);
    await all(5, fleet, ({ service }) => service.get(subject, flow()));
    expect(server.requests).toHaveLength(1);
    clock.advance(61_000);
    // whoever finds the renewal under way uses the old one, which still lives
    await all(5, fleet, ({ service }) => service.get(subject, flow()));
    const renewed = await all(5, fleet, ({ service }) => service.get(subject, flow()));
    expect(server.requests).toHaveLength(2);
    expect(new Set(renewed.map(({ value }) => value))).toEqual(new Set([server.issued[1]]));
    expect(first?.expiresAt).toBe((first?.obtainedAt ?? 0) + 3_600_000);
  });

  test('is cached also where it lives 20 seconds', async () => {
    const clock = createClock();
    const fleet = fleetOf(2, { now: clock.now });
    const subject = newSubject();
    server.answer = () => server.grant({ expires_in: 20 });
    for (let read = 0; read < 100; read += 1) {
      await fleet[read % 2]?.service.get(subject, flow());
      clock.advance(179);
    }
    expect(server.requests).toHaveLength(1);
  });

  test('of no lifetime serves those who wait for it and is not kept', async () => {
    const member = join();
    const subject = newSubject();
    server.answer = () => server.grant({ expires_in: 0 });
    await all(20, [member], ({ service }) => service.get(subject, flow()));
    expect(server.requests).toHaveLength(1);
    await member.service.get(subject, flow());
    expect(server.requests).toHaveLength(2);
    expect(await member.service.inspect(subject)).toBeNull();
  });

  test('is replaced earlier for a caller who needs it longer, but not for every call', async () => {
    const clock = createClock();
    const { service } = join({ now: clock.now });
    const subject = newSubject();
    await service.get(subject, flow());
    clock.advance(2_000_000);
    await service.get(subject, flow());
    expect(server.requests).toHaveLength(1);
    await service.get(subject, flow('f', { minLifeMs: 1_700_000 }));
    await service.get(subject, flow('f', { minLifeMs: 9_000_000 }));
    expect(server.requests).toHaveLength(2);
  });

  test('belongs to its flow alone when it is replaced during the flow', async () => {
    const clock = createClock();
    const { service } = join({ now: clock.now });
    const subject = newSubject({ policy: 'per-flow' });
    await service.get(subject, flow('long'));
    clock.advance(3_600_000);
    await service.get(subject, flow('long'));
    await service.get(subject, flow('long'));
    expect(server.requests).toHaveLength(2);
  });
});

describe('a rejected token', () => {
  test('is replaced once for 20 callers in 4 processes', async () => {
    const fleet = fleetOf(4);
    const subject = newSubject();
    const [used] = (await all(5, fleet, ({ service }) => service.get(subject, flow()))) as [AccessToken];
    const replays = await all(5, fleet, async ({ service }) => {
      expect(await service.reject(subject, flow(), used)).toBe(true);
      return service.get(subject, flow());
    });
    expect(server.requests).toHaveLength(2);
    expect(new Set(replays.map(({ value }) => value))).toEqual(new Set([server.issued[1]]));
  });

  test('does not come back by a look into the cache that began before the rejection', async () => {
    let looks = 0;
    let open!: () => void;
    const gate = new Promise<void>((resolve) => (open = resolve));
    const a = join();
    const b = join({
      wrapCache: (cache) => ({
        ...cache,
        async read(...args) {
          const snapshot = await cache.read(...args);
          looks += 1;
          if (looks === 1) await gate;
          return snapshot;
        },
      }),
    });
    const subject = newSubject();
    const rejected = await a.service.get(subject, flow());
    const early = b.service.get(subject, flow());
    let replacement: AccessToken;
    try {
      await expect.poll(() => looks).toBe(1);
      expect(await b.service.reject(subject, flow(), rejected)).toBe(true);
      replacement = await b.service.get(subject, flow('f', { maxWaitMs: 25_000 }));
    } finally {
      open();
    }
    expect(replacement.value).not.toBe(rejected.value);
    expect((await early).value).toBe(rejected.value);
    expect((await b.service.get(subject, flow())).value).toBe(replacement.value);
  });

  test('costs one renewal per cool-down where the provider rejects every token', async () => {
    const clock = createClock();
    const fleet = fleetOf(2, { now: clock.now });
    const subject = newSubject();
    for (let second = 0; second < 180; second += 1) {
      for (const { service } of fleet) {
        await service.reject(subject, flow(), await service.get(subject, flow()));
      }
      clock.advance(1_000);
    }
    // the first token, and a replacement at 0 s, 60 s and 120 s
    expect(server.requests).toHaveLength(4);
    const outcomes = fleet.flatMap(({ events }) =>
      events.map((event) => 'outcome' in event && event.outcome),
    );
    expect(outcomes.filter((outcome) => outcome === 'replaced')).toHaveLength(3);
    expect(outcomes.filter((outcome) => outcome === 'cooling').length).toBeGreaterThan(350);
  });

  test('of a per-flow subject starts a cool-down for the flows that follow', async () => {
    const clock = createClock();
    const { service } = join({ now: clock.now });
    const subject = newSubject({ policy: 'per-flow' });
    for (let run = 0; run < 10; run += 1) {
      const used = await service.get(subject, flow(`run-${run}`));
      const replay = await service.reject(subject, flow(`run-${run}`), used);
      expect(replay).toBe(run === 0);
      clock.advance(1_000);
    }
    expect(server.requests).toHaveLength(10);
  });

  test('gives way to the newer one even during the cool-down', async () => {
    const [a, b] = fleetOf(2) as [Member, Member];
    const subject = newSubject();
    const old = await a.service.get(subject, flow());
    expect((await b.service.get(subject, flow())).value).toBe(old.value);
    await a.service.reject(subject, flow(), old);
    const replacement = await a.service.get(subject, flow());
    expect(await b.service.reject(subject, flow(), old)).toBe(true);
    expect((await b.service.get(subject, flow())).value).toBe(replacement.value);
    expect(server.requests).toHaveLength(2);
  });

  test('gives way to one that a check got elsewhere during the cool-down', async () => {
    const [a, b] = fleetOf(2) as [Member, Member];
    const subject = newSubject();
    await b.service.reject(subject, flow(), await b.service.get(subject, flow()));
    const second = await b.service.get(subject, flow());
    await a.service.reject(subject, flow('check', { ignoreFailures: true }), second);
    const third = await a.service.get(subject, flow());
    expect(await b.service.reject(subject, flow(), second)).toBe(true);
    expect((await b.service.get(subject, flow())).value).toBe(third.value);
  });

  test('is replaced for a check in spite of the cool-down', async () => {
    const { service } = join();
    const subject = newSubject();
    const check = flow('check', { ignoreFailures: true });
    for (let time = 0; time < 3; time += 1) {
      expect(await service.reject(subject, check, await service.get(subject, check))).toBe(true);
    }
    await service.get(subject, check);
    expect(server.requests).toHaveLength(4);
  });

  test('is never served again while its replacement fails', async () => {
    const { service } = join();
    const subject = newSubject();
    const used = await service.get(subject, flow());
    server.answer = () => down;
    await service.reject(subject, flow(), used);
    await expect(service.get(subject, flow())).rejects.toMatchObject({ code: 'token_endpoint_unavailable' });
  });
});

describe('a failing token endpoint', () => {
  async function failure(member: Member, subject: TokenSubject, more = {}): Promise<SluiceError> {
    const error: unknown = await member.service.get(subject, flow('f', more)).catch((reason) => reason);
    expect(error).toBeInstanceOf(SluiceError);
    return error as SluiceError;
  }

  test('is asked once per backoff by the whole fleet, with growing pauses up to 5 minutes', async () => {
    const clock = createClock();
    const fleet = fleetOf(4, { now: clock.now, random: () => 0.5 });
    const subject = newSubject();
    server.answer = () => down;
    const pauses: number[] = [];
    for (let round = 1; round <= 12; round += 1) {
      const errors = await Promise.all(
        fleet.flatMap((member) => Array.from({ length: 5 }, () => failure(member, subject))),
      );
      expect(server.requests).toHaveLength(round);
      expect(new Set(errors.map(({ code }) => code))).toEqual(new Set(['token_endpoint_unavailable']));
      const [retryAt] = errors.map(({ details }) => details['retryAt'] as number);
      expect(errors.every(({ details }) => details['retryAt'] === retryAt)).toBe(true);
      pauses.push((retryAt ?? 0) - clock.now());
      clock.advance(pauses.at(-1) ?? 0);
    }
    expect(pauses.slice(0, 4)).toEqual([500, 1_000, 2_000, 4_000]);
    expect(pauses.at(-1)).toBe(150_000);
    server.answer = () => server.grant();
    await all(5, fleet, ({ service }) => service.get(subject, flow()));
    expect(server.requests).toHaveLength(13);
    const { failure: memory } = (await fleet[0]?.cache.read('', identify(subject, '').subject)) ?? {};
    expect(memory).toBeNull();
  });

  test('is left alone until its Retry-After, for all flows', async () => {
    const clock = createClock();
    const [a, b] = fleetOf(2, { now: clock.now, random: () => 0 }) as [Member, Member];
    const subject = newSubject({ policy: 'per-flow' });
    server.answer = () => ({ status: 429, headers: { 'retry-after': '30' }, body: '' });
    const first = await failure(a, subject);
    expect([first.kind, first.details['retryAt']]).toEqual(['rate_limited', clock.now() + 30_000]);
    clock.advance(29_999);
    const error: unknown = await b.service.get(subject, flow('another')).catch((reason) => reason);
    expect(error).toMatchObject({
      code: 'token_endpoint_rate_limited',
      details: { remembered: true, retryAt: first.details['retryAt'] },
    });
    expect(server.requests).toHaveLength(1);
    clock.advance(1);
    server.answer = () => server.grant();
    await b.service.get(subject, flow('another'));
  });

  test('is asked with a wrong secret once a minute; a changed secret and a check are tried at once', async () => {
    const clock = createClock();
    const fleet = fleetOf(2, { now: clock.now });
    const [member] = fleet as [Member];
    const subject = newSubject();
    server.answer = ({ form }) =>
      form.get('client_secret') === 'right'
        ? server.grant()
        : { status: 401, body: { error: 'invalid_client' } };
    for (let second = 0; second < 60; second += 1) {
      for (const other of fleet) {
        const error = await failure(other, subject);
        expect([error.code, error.kind, error.details['retryAt']]).toEqual([
          'token_client_rejected',
          'config',
          undefined,
        ]);
      }
      clock.advance(1_000);
    }
    expect(server.requests).toHaveLength(1);
    await failure(member, subject, { ignoreFailures: true });
    expect(server.requests).toHaveLength(2);
    await member.service.get({ ...subject, clientSecrets: ['right'] }, flow());
    expect(server.requests).toHaveLength(3);
  });

  test('does not stop a token that still lives', async () => {
    const clock = createClock();
    const fleet = fleetOf(2, { now: clock.now, random: () => 0.5 });
    const subject = newSubject();
    const tokens = await all(1, fleet, ({ service }) => service.get(subject, flow()));
    server.answer = () => down;
    clock.advance(3_550_000);
    for (let time = 0; time < 10; time += 1) {
      for (const { service } of fleet) {
        expect((await service.get(subject, flow())).value).toBe(tokens[0]?.value);
      }
    }
    expect(server.requests).toHaveLength(2);
    expect((await join({ now: clock.now }).service.get(subject, flow())).value).toBe(tokens[0]?.value);
    clock.advance(50_000);
    await expect(fleet[0]?.service.get(subject, flow())).rejects.toMatchObject({
      code: 'token_endpoint_unavailable',
    });
  });
});

describe('a shared cache that is down', () => {
  test('costs one request per process, in a bounded time', async () => {
    const fleet = fleetOf(3, { cacheTimeoutMs: 200 });
    const subject = newSubject();
    await fleet[0]?.cut();
    const goOn = await shared.stall();
    try {
      const started = performance.now();
      const tokens = await all(20, fleet, ({ service }) => service.get(subject, flow()));
      expect(performance.now() - started).toBeLessThan(15_000);
      expect(server.requests).toHaveLength(3);
      expect(new Set(tokens.map(({ value }) => value)).size).toBe(3);
      await all(20, fleet, ({ service }) => service.get(subject, flow()));
      expect(server.requests).toHaveLength(3);
    } finally {
      await goOn();
    }
  });

  test('keeps the cool-down and the failure memory inside each process', async () => {
    const clock = createClock();
    const member = join({ now: clock.now, random: () => 0.5 });
    const subject = newSubject();
    await member.service.get(subject, flow());
    await member.cut();
    const verdicts: boolean[] = [];
    for (let time = 0; time < 4; time += 1) {
      verdicts.push(await member.service.reject(subject, flow(), await member.service.get(subject, flow())));
    }
    expect(verdicts).toEqual([true, false, false, false]);
    expect(server.requests).toHaveLength(2);
    server.answer = () => down;
    const failing = newSubject();
    for (let time = 0; time < 4; time += 1) {
      await expect(member.service.get(failing, flow())).rejects.toMatchObject({
        code: 'token_endpoint_unavailable',
      });
    }
    expect(server.requests).toHaveLength(3);
    expect(await member.service.inspect(subject)).not.toBeNull();
    await member.service.endFlow('f');
  });

  test('loses no token when it goes while the request runs', async () => {
    const member = join();
    const subject = newSubject();
    const answers = holdAnswers();
    const token = member.service.get(subject, flow());
    await expect.poll(() => server.requests.length).toBe(1);
    await member.cut();
    answers.release();
    expect((await token).value).toBe(server.issued[0]);
    expect((await member.service.get(subject, flow())).value).toBe(server.issued[0]);
    expect(server.requests).toHaveLength(1);
  });

  test('is used again when it is back', async () => {
    const clock = createClock();
    let broken = true;
    const member = join({
      now: clock.now,
      wrapCache: (cache) => ({
        ...cache,
        read: (...args) => (broken ? Promise.reject(new Error('gone')) : cache.read(...args)),
      }),
    });
    await member.service.get(newSubject(), flow());
    broken = false;
    clock.advance(5_000);
    const subject = newSubject();
    const token = await member.service.get(subject, flow());
    expect((await join({ now: clock.now }).service.get(subject, flow())).value).toBe(token.value);
  });
});

describe('what is stored', () => {
  test('holds no secret and no token in the clear, failures included', async () => {
    const { service } = join();
    const good = newSubject();
    const bad = newSubject();
    const token = await service.get(good, flow());
    server.answer = () => ({
      status: 401,
      body: { error: 'invalid_client', error_description: `no ${SECRET} here` },
    });
    await expect(service.get(bad, flow())).rejects.toThrow('no [redacted] here');
    for (const stored of await shared.everything()) {
      for (const hidden of [SECRET, encodeURIComponent(SECRET), token.value])
        expect(stored).not.toContain(hidden);
    }
  });

  test.each([
    ['was damaged', `v1.k1.${'A'.repeat(80)}`],
    ['is no ciphertext', 'plain'],
  ])('counts as absent where it %s', async (_name, value) => {
    const [a, b] = fleetOf(2) as [Member, Member];
    const subject = newSubject();
    await a.service.get(subject, flow());
    const { key } = identify(subject, '');
    await shared.replaceSealed(key, value);
    expect((await b.service.get(subject, flow())).value).toBe(server.issued[1]);
    expect((await join().service.get(subject, flow())).value).toBe(server.issued[1]);
    expect(server.requests).toHaveLength(2);
  });

  test('opens in its own row only', async () => {
    const { service } = join();
    const [mine, foreign] = [newSubject(), newSubject()];
    await service.get(mine, flow());
    await service.get(foreign, flow());
    await shared.replaceSealed(identify(mine, '').key, await shared.sealedOf(identify(foreign, '').key));
    expect((await join().service.get(mine, flow())).value).toBe(server.issued[2]);
  });

  test('can be inspected without the token', async () => {
    const clock = createClock(1_700_000_000_000);
    const [a, b] = fleetOf(2, { now: clock.now }) as [Member, Member];
    const subject = newSubject({ policy: 'per-flow', scopes: ['x', 'a'] });
    expect(await b.service.inspect(subject)).toBeNull();
    await a.service.get(subject, flow('first'));
    clock.advance(1_000);
    const newest = await a.service.get(subject, flow('second'));
    clock.advance(59_500);
    const info = await b.service.inspect(subject);
    expect(info).toEqual({
      policy: 'per-flow',
      fingerprint: newest.fingerprint,
      scopes: ['a', 'x'],
      missingScopes: [],
      obtainedAt: '2023-11-14T22:13:21.000Z',
      expiresAt: '2023-11-14T23:13:21.000Z',
      ageSeconds: 59,
      expiresInSeconds: 3540,
    });
    expect(JSON.stringify(info)).not.toContain(newest.value);
  });
});

test('events tell what happened', async () => {
  const [a, b] = fleetOf(2) as [Member, Member];
  const subject = newSubject();
  const used = await a.service.get(subject, flow());
  await a.service.get(subject, flow());
  await b.service.get(subject, flow());
  await b.service.reject(subject, flow(), used);
  server.answer = () => down;
  await expect(b.service.get(subject, flow())).rejects.toThrow();
  expect(a.events).toMatchObject([
    { type: 'request', outcome: 'ok', cause: 'first', provider: 'sample', connectionId: 'acme' },
    { type: 'hit', level: 'memory' },
  ]);
  expect(b.events).toMatchObject([
    { type: 'hit', level: 'shared' },
    { type: 'rejection', outcome: 'replaced' },
    { type: 'request', outcome: 'token_endpoint_unavailable', cause: 'rejected' },
    { type: 'failure_remembered', error: 'token_endpoint_unavailable' },
    { type: 'failure', error: 'token_endpoint_unavailable' },
  ]);
});
