/** Two ways to do one thing, measured by turns: what slows the machine down for a while slows both. */

export interface Contest {
  /** jobs per second of one round of that many jobs */
  readonly ours: (jobs: number) => Promise<number>;
  readonly bare: (jobs: number) => Promise<number>;
}

export interface ContestResult {
  /** medians, in jobs per second */
  readonly ours: number;
  readonly bare: number;
  /** median of the rounds' own ratios, ours to bare */
  readonly ratio: number;
  readonly rounds: number;
  readonly jobsPerRound: number;
}

export interface Bounds {
  readonly rounds: number;
  /** milliseconds after which no further round begins; one is always done */
  readonly budgetMs: number;
  readonly signal: AbortSignal;
}

/** Of the round that warms both up. */
const FIRST_JOBS = 200;
const MOST_JOBS = 5_000;

/**
 * Who goes first changes from round to round. A first one isn't counted: it warms both up, and tells how many jobs
 * one side gets through in the time it has in a round.
 */
export async function compete(
  contest: Contest,
  { rounds, budgetMs, signal }: Bounds,
): Promise<ContestResult> {
  const end = performance.now() + budgetMs;
  const first = [await contest.ours(FIRST_JOBS), await contest.bare(FIRST_JOBS)];
  const seconds = budgetMs / 1000 / (rounds * 3);
  const jobs = Math.round(Math.min(MOST_JOBS, Math.max(FIRST_JOBS, Math.min(...first) * seconds)));
  const done: { ours: number; bare: number }[] = [];
  while (done.length < rounds && (done.length === 0 || performance.now() < end)) {
    signal.throwIfAborted();
    const figures = { ours: 0, bare: 0 };
    const order = done.length % 2 === 0 ? (['bare', 'ours'] as const) : (['ours', 'bare'] as const);
    for (const side of order) figures[side] = await contest[side](jobs);
    done.push(figures);
  }
  return {
    ours: median(done.map(({ ours }) => ours)),
    bare: median(done.map(({ bare }) => bare)),
    ratio: median(done.map(({ ours, bare }) => ours / bare)),
    rounds: done.length,
    jobsPerRound: jobs,
  };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}
