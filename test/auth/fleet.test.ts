import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { TokenSubject } from '../../src/auth/contract.ts';
import { identify } from '../../src/auth/identity.ts';
import { openTestCache, type TestCache } from '../support/token-cache.ts';
import { subjectAt } from './fleet.ts';
import { startMembers, type Got, type MemberProcess } from './members.ts';
import { startTokenServer, type TokenServer } from './token-server.ts';

const PROCESSES = 8;
const CALLS = 50;
/** Waits that real processes on a busy machine may need. */
const PATIENCE = 90_000;

let shared: TestCache;
let server: TokenServer;
let fleet: MemberProcess[];
/** started by one test, and ended with it */
let own: MemberProcess[] = [];
let subjects = 0;

beforeAll(async () => {
  shared = await openTestCache();
  fleet = await startMembers(shared.place, PROCESSES);
}, PATIENCE);
afterAll(async () => {
  await Promise.all(fleet.map((member) => member.close()));
  await shared.close();
});
beforeEach(async () => {
  server = await startTokenServer();
});
afterEach(async () => {
  await Promise.all(own.splice(0).map((member) => member.close()));
  await server.close();
});

async function members(count: number, lockLifeMs: number): Promise<MemberProcess[]> {
  const started = await startMembers(shared.place, count, { lockLifeMs });
  own.push(...started);
  return started;
}

function newSubject(changes: Partial<TokenSubject> = {}): TokenSubject {
  return subjectAt(server.url, { clientId: `client-${(subjects += 1)}`, ...changes });
}

const get = (member: MemberProcess, subject: TokenSubject, calls = CALLS): Promise<Got> =>
  member.ask<Got>('get', { subject, calls });
const fingerprintsOf = (results: readonly Got[]): string[] => [
  ...new Set(results.flatMap(({ fingerprints }) => fingerprints)),
];
const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

/** Makes the server keep its answers until they are let go, in the order of the requests. */
function holdAnswers(): { readonly held: (() => void)[] } {
  const held: (() => void)[] = [];
  server.answer = () => new Promise((resolve) => held.push(() => resolve(server.grant())));
  return { held };
}

test(
  `${PROCESSES} processes with ${CALLS} concurrent cold calls each send exactly one token request`,
  async () => {
    const subject = newSubject();
    const results = await Promise.all(fleet.map((member) => get(member, subject)));
    expect(server.requests).toHaveLength(1);
    expect(fingerprintsOf(results)).toHaveLength(1);
    expect(sum(results.map(({ tokens }) => tokens))).toBe(PROCESSES * CALLS);
    expect(sum(results.map(({ requested }) => requested))).toBe(1);
  },
  PATIENCE,
);

test(
  'a slow endpoint costs its callers ten seconds at most, is asked once, and serves the next call',
  async () => {
    const subject = newSubject();
    const { held } = holdAnswers();
    // they end by themselves: the endpoint doesn't answer before they have
    const results = await Promise.all(fleet.map((member) => get(member, subject)));
    expect(results.flatMap(({ errors }) => errors)).toEqual(Array(PROCESSES * CALLS).fill('token_wait'));
    expect(server.requests).toHaveLength(1);
    held[0]?.();
    const seconds = await Promise.all(fleet.map((member) => get(member, subject)));
    expect(sum(seconds.map(({ tokens }) => tokens))).toBe(PROCESSES * CALLS);
    expect(fingerprintsOf(seconds)).toHaveLength(1);
    expect(sum(seconds.map(({ requested }) => requested))).toBe(1);
    expect(server.requests).toHaveLength(1);
  },
  PATIENCE,
);

test(
  'a holder of the lock that is killed costs one request more, and nobody hangs',
  async () => {
    const [holder, ...others] = (await members(4, 2_000)) as [MemberProcess, ...MemberProcess[]];
    const subject = newSubject();
    holdAnswers();
    const lost = get(holder, subject).catch((error: unknown) => error);
    await expect.poll(() => server.requests.length).toBe(1);
    server.answer = () => server.grant();
    const rest = Promise.all(others.map((member) => get(member, subject)));
    holder.signal('SIGKILL');
    const results = await rest;
    expect(await lost).toBeInstanceOf(Error);
    expect(sum(results.map(({ tokens }) => tokens))).toBe(3 * CALLS);
    expect(fingerprintsOf(results)).toHaveLength(1);
    expect(server.requests).toHaveLength(2);
  },
  PATIENCE,
);

test(
  'a holder that is stopped past its lock and woken overwrites no newer token and releases no foreign lock',
  async () => {
    const [sleeper, next] = (await members(2, 2_000)) as [MemberProcess, MemberProcess];
    const subject = newSubject();
    const { key } = identify(subject, '');
    const { held } = holdAnswers();
    const late = get(sleeper, subject, 1);
    await expect.poll(() => server.requests.length).toBe(1);
    sleeper.signal('SIGSTOP');
    server.answer = () => server.grant();
    const taken = await get(next, subject, 1);
    const fence = await shared.cache.acquire(key, 'third', 600_000);
    held[0]?.();
    sleeper.signal('SIGCONT');
    const own = await late;
    expect(own.tokens).toBe(1);
    expect(own.fingerprints).not.toEqual(taken.fingerprints);
    expect((await shared.cache.read(key, '')).token?.fingerprint).toBe(taken.fingerprints[0]);
    expect(await shared.cache.renew(key, 'third', fence ?? 0n, 1)).toBe(true);
    // and it goes over to what the fleet has
    expect((await get(sleeper, subject, 1)).fingerprints).toEqual(taken.fingerprints);
    expect(server.requests).toHaveLength(2);
  },
  PATIENCE,
);

interface Unauthorized {
  readonly replays: readonly (string | null)[];
}

test.each(['at once', 'one process after the other'])(
  '56 jobs in 8 processes that meet a 401 %s cost one renewal',
  async (how) => {
    const subject = newSubject();
    const [fingerprint] = fingerprintsOf(await Promise.all(fleet.map((member) => get(member, subject, 1))));
    const meet = (member: MemberProcess): Promise<Unauthorized> =>
      member.ask<Unauthorized>('unauthorized', { subject, jobs: 7, fingerprint });
    const results: Unauthorized[] = [];
    if (how === 'at once') results.push(...(await Promise.all(fleet.map(meet))));
    else for (const member of fleet) results.push(await meet(member));
    const replays = results.flatMap((result) => result.replays);
    expect(replays).toHaveLength(56);
    expect(new Set(replays).size).toBe(1);
    expect(replays[0]).not.toBe(fingerprint);
    expect(replays[0]).not.toBeNull();
    expect(server.requests).toHaveLength(2);
  },
  PATIENCE,
);

test(
  'a provider that answers every token with 401 costs one renewal per cool-down in the whole fleet',
  async () => {
    const subject = newSubject();
    await Promise.all(fleet.map((member) => member.ask('never', { subject, times: 25 })));
    expect(server.requests).toHaveLength(2);
  },
  PATIENCE,
);

test(
  'a token that lives 20 seconds is requested once for 104 reads',
  async () => {
    const subject = newSubject();
    server.answer = () => server.grant({ expires_in: 20 });
    await Promise.all(fleet.map((member) => member.ask('read', { subject, times: 13 })));
    expect(server.requests).toHaveLength(1);
  },
  PATIENCE,
);

test(
  'connections that differ in one parameter alone have two tokens',
  async () => {
    const subject = newSubject({ params: { audience: 'https://a.example' } });
    const other = { ...subject, params: { audience: 'https://b.example' } };
    const ones = await Promise.all(fleet.map((member) => get(member, subject, 5)));
    const others = await Promise.all(fleet.map((member) => get(member, other, 5)));
    expect(server.requests).toHaveLength(2);
    expect(new Set(fingerprintsOf([...ones, ...others])).size).toBe(2);
    expect(fingerprintsOf(ones)).toHaveLength(1);
  },
  PATIENCE,
);

test(
  'a token in use is renewed by one process of the fleet, and every other goes over to the new one',
  async () => {
    const subject = newSubject();
    server.answer = () => server.grant({ expires_in: 6 });
    const [fingerprint] = fingerprintsOf(await Promise.all(fleet.map((member) => get(member, subject, 1))));
    server.answer = () => server.grant();
    const results = await Promise.all(
      fleet.map((member) => member.ask<{ fingerprint: string }>('outlive', { subject, fingerprint })),
    );
    expect(new Set(results.map((result) => result.fingerprint)).size).toBe(1);
    expect(server.requests).toHaveLength(2);
  },
  PATIENCE,
);
