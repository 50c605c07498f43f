/** Statements of one transaction that are sent without waiting for each other, and whose first error counts. */
import { setImmediate as nextTurn } from 'node:timers/promises';

/** Takes a statement that has been sent, and that nobody waits for. */
export type Send = (statement: Promise<unknown>) => void;

/**
 * Runs `work`, which hands statements to `send` where it needs no result of them, and sends what `commit` sends right
 * behind them. Returns once all of them have succeeded. Where one fails, Postgres refuses those behind it with "current
 * transaction is aborted", and takes the commit for a rollback: thrown is the error of the first that failed.
 */
export async function sendTogether<T>(
  work: (send: Send) => Promise<T>,
  commit: () => Promise<{ readonly command: string }>,
): Promise<T> {
  const sent: Promise<unknown>[] = [];
  let unsent = false;
  // By the order of sending: answers that arrive together are told in the order of how many promises lie between.
  const firstFailed = async (): Promise<PromiseRejectedResult | undefined> =>
    (await Promise.allSettled(sent)).find((settled) => settled.status === 'rejected');
  try {
    const result = await work((statement) => {
      // It is met below; before that it must not end the process.
      statement.catch(() => (unsent = true));
      sent.push(statement);
    });
    // A statement that fails on this side of the wire, as one that is too long does, doesn't end the transaction on the
    // other, which would commit what is left of it. It has failed by the next turn of the event loop.
    await nextTurn();
    const ended = unsent ? undefined : commit();
    ended?.catch(() => {});
    const failed = await firstFailed();
    if (failed !== undefined) throw failed.reason;
    const end = await ended;
    if (end?.command !== 'COMMIT')
      throw new Error('Postgres took the commit of a transaction for a rollback.');
    return result;
  } catch (error) {
    throw (await firstFailed())?.reason ?? error;
  }
}
