/** An end for what may never come back. */
import { SluiceError } from '../errors.ts';

/**
 * The result of `work`, or an error after `ms` milliseconds; the work itself may go on.
 *
 * @throws SluiceError `queue_unreachable` (transient) when the time is over
 */
export async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new SluiceError('queue_unreachable', `The queue gave no answer within ${ms} ms.`)),
      ms,
    );
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
