/** Refusals of webhooks are answered at once while they are few, and held for a moment where they are many. */
import { beforeEach, expect, it } from 'vitest';
import { createRefusalPace } from '../../src/web/refusal-pace.ts';

let now = 0;
beforeEach(() => void (now = 0));

/** How many of so many refusals are answered without waiting. */
async function answeredAtOnce(pace: ReturnType<typeof createRefusalPace>, count: number): Promise<number> {
  let answered = 0;
  for (let index = 0; index < count; index += 1) void pace.turn().then(() => (answered += 1));
  await new Promise((resolve) => setImmediate(resolve));
  return answered;
}

it('answers a hundred at once, and as many more each second', async () => {
  const pace = createRefusalPace(() => now);
  expect(await answeredAtOnce(pace, 150)).toBe(100);
  now += 100;
  expect(await answeredAtOnce(pace, 50)).toBe(10);
  // no more is saved up than for one second
  now += 60_000;
  expect(await answeredAtOnce(pace, 300)).toBe(100);
});

it('holds no more than a thousand', async () => {
  const pace = createRefusalPace(() => now);
  expect(await answeredAtOnce(pace, 100 + 1_000 + 7)).toBe(100 + 7);
});
