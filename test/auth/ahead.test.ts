import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestCache, type TestCache } from '../support/token-cache.ts';
import { createClock, flow, type Member } from './fleet.ts';
import { newSubject, server, useTokenFleet } from './token-fleet.ts';
import type { TokenReply } from './token-server.ts';

/** Renewal of an hour's token begins two minutes before its end, in milliseconds after it was obtained. */
const DUE = 3_480_000;

let shared: TestCache;

beforeAll(async () => {
  shared = await openTestCache();
});
afterAll(() => shared.close());

const fleetOf = useTokenFleet(() => shared.place);
const causes = (fleet: readonly Member[]): string[] =>
  fleet.flatMap(({ events }) => events.flatMap((event) => (event.type === 'request' ? [event.cause] : [])));
const down: TokenReply = { status: 503, body: 'maintenance' };

describe('a token in use', () => {
  test('is renewed in the background when it is due, once for the fleet, and nobody waits', async () => {
    const clock = createClock();
    const fleet = fleetOf(4, { now: clock.now });
    const subject = newSubject();
    const [first] = await Promise.all(fleet.map(({ service }) => service.get(subject, flow())));
    clock.advance(DUE);
    let answer: (reply: TokenReply) => void = () => undefined;
    server.answer = () => new Promise((resolve) => (answer = resolve));
    const served = await Promise.all(fleet.map(({ service }) => service.get(subject, flow())));
    expect(new Set(served.map(({ value }) => value))).toEqual(new Set([first?.value]));
    await expect.poll(() => server.requests.length).toBe(2);
    answer(server.grant());
    for (const { service } of fleet) {
      await expect
        .poll(async () => {
          // past the second in which a member leaves the renewal to whoever is at it
          clock.advance(1_000);
          return (await service.get(subject, flow())).value;
        })
        .toBe(server.issued[1]);
    }
    expect(server.requests).toHaveLength(2);
    expect(causes(fleet).toSorted()).toEqual(['ahead', 'first']);
  });

  test('is renewed by an alarm where no call comes in time', async () => {
    const clock = createClock();
    const early = fleetOf(1, { now: clock.now })[0] as Member;
    const subject = newSubject();
    await early.service.get(subject, flow());
    clock.advance(DUE - 300);
    // its alarm is set to 0.3 s from now
    const [late] = fleetOf(1, { now: clock.now, random: () => 0 }) as [Member];
    await late.service.get(subject, flow());
    clock.advance(300);
    await expect.poll(() => server.issued.length).toBe(2);
    await expect.poll(async () => (await late.service.get(subject, flow())).value).toBe(server.issued[1]);
    expect(causes([late])).toEqual(['ahead']);
  });

  test('counts its renewal with the call that follows', async () => {
    const clock = createClock();
    const [member] = fleetOf(1, { now: clock.now }) as [Member];
    const subject = newSubject();
    expect((await member.service.get(subject, flow())).requested).toBe(true);
    clock.advance(DUE);
    expect((await member.service.get(subject, flow())).requested).toBe(false);
    await expect.poll(() => causes([member])).toEqual(['first', 'ahead']);
    const requested: boolean[] = [];
    await expect
      .poll(async () => {
        const token = await member.service.get(subject, flow());
        requested.push(token.requested);
        return token.value;
      })
      .toBe(server.issued[1]);
    // the call that got the new token first may have found it in the cache before its renewal had ended
    requested.push((await member.service.get(subject, flow())).requested);
    expect(requested.filter(Boolean)).toHaveLength(1);
  });

  test('is served until its end while every renewal fails, and the endpoint is not pressed', async () => {
    const clock = createClock();
    const fleet = fleetOf(2, { now: clock.now, random: () => 0.999 });
    const subject = newSubject();
    const [first] = await Promise.all(fleet.map(({ service }) => service.get(subject, flow())));
    server.answer = () => down;
    clock.advance(DUE);
    for (let second = 0; second < 119; second += 1) {
      for (const { service } of fleet) expect((await service.get(subject, flow())).value).toBe(first?.value);
      clock.advance(1_000);
    }
    // pauses of 1, 2, 4, 8, 16, 32 and 64 s
    expect(server.requests.length).toBeGreaterThan(4);
    expect(server.requests.length).toBeLessThan(10);
    clock.advance(2_000);
    await expect(fleet[0]?.service.get(subject, flow())).rejects.toMatchObject({
      code: 'token_endpoint_unavailable',
    });
    expect(await fleet[1]?.service.status(subject)).toMatchObject({ state: 'failing', token: null });
  });

  test('of a flow that has ended causes no request', async () => {
    const clock = createClock();
    const [member] = fleetOf(1, { now: clock.now, random: () => 0 }) as [Member];
    const subject = newSubject({ policy: 'per-flow' });
    await member.service.get(subject, flow('run'));
    clock.advance(DUE);
    await member.service.endFlow('run');
    await member.service.get(subject, flow('next'));
    expect(causes([member])).toEqual(['first', 'first']);
  });
});

test('the cause of each request is told', async () => {
  const clock = createClock();
  const [member] = fleetOf(1, { now: clock.now }) as [Member];
  const { service } = member;
  const subject = newSubject();
  const used = await service.get(subject, flow());
  await service.reject(subject, flow(), used);
  await service.get(subject, flow());
  clock.advance(1_000_000);
  await service.get(subject, flow('f', { minLifeMs: 3_000_000 }));
  clock.advance(3_600_000);
  await service.get(subject, flow());
  expect(causes([member])).toEqual(['first', 'rejected', 'min_life', 'expired']);
});

describe('the state of a token', () => {
  test('says that there is none, or that one is cached', async () => {
    const [member] = fleetOf(1, { now: () => 1_700_000_000_000 }) as [Member];
    const subject = newSubject();
    expect(await member.service.status(subject)).toMatchObject({ state: 'none', since: null, token: null });
    const { fingerprint } = await member.service.get(subject, flow());
    expect(await member.service.status(subject)).toMatchObject({
      state: 'cached',
      since: '2023-11-14T22:13:20.000Z',
      reason: null,
      advice: null,
      failures: 0,
      retryAt: null,
      token: { fingerprint, missingScopes: [] },
    });
  });

  test('names scopes that were asked and not granted', async () => {
    const [member] = fleetOf(1, {}) as [Member];
    const subject = newSubject({ scopes: ['write', 'read', 'admin'] });
    server.answer = () => server.grant({ scope: 'read more' });
    expect((await member.service.get(subject, flow())).scopes).toEqual(['more', 'read']);
    expect(await member.service.status(subject)).toMatchObject({
      state: 'narrowed',
      reason: expect.stringContaining('without admin, write') as string,
      advice: expect.stringContaining('admin, write') as string,
      token: { missingScopes: ['admin', 'write'] },
    });
  });

  test('says since when requests fail, why, what to do, and when the next one is made', async () => {
    const clock = createClock(1_700_000_000_000);
    const [a, b] = fleetOf(2, { now: clock.now, random: () => 0.5 }) as [Member, Member];
    const subject = newSubject();
    server.answer = () => ({ status: 401, body: { error: 'invalid_client' } });
    await expect(a.service.get(subject, flow())).rejects.toMatchObject({ code: 'token_client_rejected' });
    clock.advance(60_000);
    await expect(b.service.get(subject, flow())).rejects.toMatchObject({ code: 'token_client_rejected' });
    expect(await a.service.status(subject)).toMatchObject({
      state: 'failing',
      since: '2023-11-14T22:13:20.000Z',
      failures: 2,
      error: 'token_client_rejected',
      kind: 'config',
      reason: expect.stringContaining('invalid_client') as string,
      advice: expect.stringContaining('client secret') as string,
      retryAt: '2023-11-14T22:15:20.000Z',
      token: null,
    });
    server.answer = () => server.grant();
    await b.service.get(subject, flow('check', { ignoreFailures: true }));
    expect(await a.service.status(subject)).toMatchObject({ state: 'cached', failures: 0, error: null });
  });

  test('says that a rejected token was replaced and the replacement is kept for a while', async () => {
    const clock = createClock(1_700_000_000_000);
    const [a, b] = fleetOf(2, { now: clock.now }) as [Member, Member];
    const subject = newSubject();
    await a.service.reject(subject, flow(), await a.service.get(subject, flow()));
    expect(await b.service.status(subject)).toMatchObject({
      state: 'cooling',
      since: '2023-11-14T22:13:20.000Z',
      retryAt: '2023-11-14T22:14:20.000Z',
      token: null,
    });
    clock.advance(60_000);
    expect(await b.service.status(subject)).toMatchObject({ state: 'none' });
  });
});

test('a rejection is not forgotten by its process when the shared cache is emptied', async () => {
  const [member] = fleetOf(1, {}) as [Member];
  const subject = newSubject();
  const { service } = member;
  await service.reject(subject, flow(), await service.get(subject, flow()));
  const second = await service.get(subject, flow());
  await shared.empty();
  expect(await service.reject(subject, flow(), second)).toBe(false);
  expect((await service.get(subject, flow())).value).toBe(second.value);
  expect(server.requests).toHaveLength(2);
});
