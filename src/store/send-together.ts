/** Statements of one transaction that are sent without waiting for each other, and whose first error counts. */

/**
 * Runs `work`, which hands statements to `send` where it needs no result of them, and returns once all of them have
 * succeeded. Where one fails, Postgres refuses those behind it with "current transaction is aborted": thrown is the
 * error of the first that failed.
 */
export async function sendTogether<T>(
  work: (send: (statement: Promise<unknown>) => void) => Promise<T>,
): Promise<T> {
  const sent: Promise<unknown>[] = [];
  // By the order of sending: answers that arrive together are told in the order of how many promises lie between.
  const firstFailed = async (): Promise<PromiseRejectedResult | undefined> =>
    (await Promise.allSettled(sent)).find((settled) => settled.status === 'rejected');
  try {
    const result = await work((statement) => {
      // It is met below; before that it must not end the process.
      statement.catch(() => {});
      sent.push(statement);
    });
    const failed = await firstFailed();
    if (failed !== undefined) throw failed.reason;
    return result;
  } catch (error) {
    throw (await firstFailed())?.reason ?? error;
  }
}
