import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Lifespan } from '../../src/auth/lifetime.ts';
import { createRenewals, type Renewals } from '../../src/auth/renewals.ts';
import { identify } from '../../src/auth/identity.ts';
import { subjectAt } from './fleet.ts';

const HOUR = 3_600_000;
/** Renewal of an hour's token begins two minutes before its end. */
const DUE = HOUR - 120_000;

let renewals: Renewals;
let asked: number[];
let answer: () => Promise<Lifespan>;

/** Time is the test's: what is under test here is when something happens. */
beforeEach(() => {
  vi.useFakeTimers({ now: 0 });
  asked = [];
  answer = async () => token();
  renewals = createRenewals({
    now: Date.now,
    random: () => 0,
    renew: () => {
      asked.push(Date.now());
      return answer();
    },
  });
});
afterEach(() => {
  renewals.close();
  vi.useRealTimers();
});

function token(life = HOUR): Lifespan {
  return { obtainedAt: Date.now(), expiresAt: Date.now() + life };
}

const subject = subjectAt('https://provider.example/token');
const id = identify(subject, '');
const use = (used: Lifespan): void => renewals.used(id, subject, used);
const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

test('a token in use is renewed before its end without being asked for, and its successor as well', async () => {
  const first = token();
  use(first);
  await pass(DUE - 200_000);
  use(first);
  await pass(199_999);
  expect(asked).toEqual([]);
  await pass(1);
  expect(asked).toEqual([DUE]);
  await pass(DUE - 100_000);
  use({ obtainedAt: DUE, expiresAt: DUE + HOUR });
  await pass(100_000);
  expect(asked).toEqual([DUE, 2 * DUE]);
});

test('a token that nobody has asked for in the last five minutes is left to expire', async () => {
  const first = token();
  use(first);
  await pass(DUE - 300_001);
  use(first);
  await pass(2 * HOUR);
  expect(asked).toEqual([]);
});

test('a short token counts as used for a quarter of its life, and is renewed only when it is due', async () => {
  const short = token(20_000);
  use(short);
  await pass(12_999);
  use(short);
  await pass(5_000);
  expect(asked).toEqual([]);
  await pass(1);
  expect(asked).toEqual([]);
  const next = token(20_000);
  use(next);
  await pass(13_000);
  use(next);
  await pass(5_000);
  expect(asked).toEqual([17_999 + 1 + 18_000]);
});

test('a use of a token that is due begins its renewal at once, one at a time', async () => {
  let finish: (next: Lifespan) => void = () => undefined;
  answer = () => new Promise((resolve) => (finish = resolve));
  const per = subjectAt('https://provider.example/token', { policy: 'per-flow' });
  const first = token();
  const again = (): void => renewals.used(identify(per, 'flow'), per, first);
  again();
  await pass(DUE - 1_000);
  again();
  await pass(2_000);
  // whether a flow still runs is not known here: no alarm
  expect(asked).toEqual([]);
  again();
  again();
  expect(asked).toEqual([DUE + 1_000]);
  finish(first);
  await pass(500);
  // somebody else is at it: not again for a second
  again();
  expect(asked).toHaveLength(1);
  await pass(500);
  again();
  expect(asked).toHaveLength(2);
});

test('a renewal that failed is tried again at the moment that its error names', async () => {
  answer = () =>
    Promise.reject(Object.assign(new Error('later'), { details: { retryAt: Date.now() + 40_000 } }));
  const first = token();
  use(first);
  await pass(DUE - 1);
  use(first);
  await pass(40_000);
  use(first);
  expect(asked).toEqual([DUE]);
  await pass(1);
  expect(asked).toEqual([DUE, DUE + 40_000]);
  answer = async () => token();
  await pass(40_000);
  expect(asked).toHaveLength(3);
  // the new one is good for an hour
  await pass(120_000);
  expect(asked).toHaveLength(3);
});

test('a token that was rejected, or of no life, is nothing to renew', async () => {
  const first = token();
  use(first);
  await pass(DUE - 1_000);
  use(first);
  renewals.forget(id.key);
  await pass(HOUR);
  use({ obtainedAt: Date.now(), expiresAt: Date.now() });
  await pass(HOUR);
  expect(asked).toEqual([]);
});

test('a token of a month does not overflow the timer', async () => {
  const month = token(30 * 24 * HOUR);
  use(month);
  await pass(2_000);
  expect(asked).toEqual([]);
  await pass(30 * 24 * HOUR - 120_000 - 2_000 - 1_000);
  use(month);
  await pass(1_000);
  expect(asked).toEqual([30 * 24 * HOUR - 120_000]);
});

test('nothing is renewed after the end of the service', async () => {
  const first = token();
  use(first);
  await pass(DUE - 1);
  use(first);
  renewals.close();
  await pass(HOUR);
  use(first);
  expect(asked).toEqual([]);
  expect(vi.getTimerCount()).toBe(0);
});
