/** Waiting for an answer, but not for ever. */

/** Stands for an answer that didn't come in time. */
export const LATE = Symbol('late');

/** What `work` resolves to, or `LATE` after `ms` milliseconds; a rejection after that is nobody's any more. */
export async function withDeadline<T>(work: Promise<T>, ms: number): Promise<T | typeof LATE> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<typeof LATE>((resolve) => {
    timer = setTimeout(() => resolve(LATE), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
