/** Ctrl-C and SIGTERM: the first asks to stop in order, the second stops at once. */
import { setMaxListeners } from 'node:events';
import { note } from './io.ts';

let stop: AbortController | undefined;

/** Aborted at the first SIGINT or SIGTERM. The same signal for everybody in this process. */
export function stopSignal(): AbortSignal {
  if (stop !== undefined) return stop.signal;
  stop = new AbortController();
  setMaxListeners(0, stop.signal);
  const controller = stop;
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) {
        note('Stopped at once; what was under way goes on from its last page next time.');
        process.exit(name === 'SIGINT' ? 130 : 143);
      }
      controller.abort();
    });
  }
  return controller.signal;
}

/** Resolves at the first SIGINT or SIGTERM. */
export function untilStopped(): Promise<void> {
  const signal = stopSignal();
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
