/** Waiting for a condition, never for time to pass. */

/** Polls until a value is there; fails with what `describe` says. */
export async function waitFor<T>(
  look: () => Promise<T | undefined> | T | undefined,
  timeoutMs: number,
  describe: () => Promise<string> | string = () => 'the condition did not come true',
): Promise<T> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const value = await look();
    if (value !== undefined) return value;
    if (Date.now() > end) throw new Error(await describe());
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
