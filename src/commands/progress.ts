/** A progress bar for a run on a terminal: streams that are over of all, and the records read so far. */
import { SingleBar } from 'cli-progress';
import type { RunView } from '../sync/history.ts';

export interface Progress {
  update(run: RunView): void;
  stop(): void;
}

const over: ReadonlySet<string> = new Set(['succeeded', 'failed', 'held', 'cancelled']);

export function createProgress(): Progress {
  const bar = new SingleBar({
    format: '{bar} {value}/{total} streams  {records} records  {state}',
    barsize: 24,
    hideCursor: true,
    clearOnComplete: true,
    stream: process.stderr,
  });
  let started = false;
  return {
    update(run) {
      const payload = { records: recordsRead(run), state: stateWords(run) };
      const done = run.streams.filter((stream) => over.has(stream.status)).length;
      if (!started) {
        bar.start(Math.max(run.streams.length, 1), done, payload);
        started = true;
      }
      bar.setTotal(Math.max(run.streams.length, 1));
      bar.update(done, payload);
    },
    stop() {
      if (started) bar.stop();
    },
  };
}

export function recordsRead(run: RunView): number {
  return run.streams.reduce((sum, stream) => sum + stream.added + stream.updated + stream.unchanged, 0);
}

/** What it is doing now: the streams under way, or what it waits for. */
function stateWords(run: RunView): string {
  const waiting = run.streams.find((stream) => stream.waitUntil !== null);
  if (run.status === 'waiting' && waiting?.waitUntil !== null && waiting !== undefined) {
    const seconds = Math.max(0, Math.round((Date.parse(waiting.waitUntil ?? '') - Date.now()) / 1000));
    return `waits ${seconds} s: ${waiting.waitReason ?? ''}`;
  }
  const running = run.streams.filter((stream) => stream.status === 'running').map((stream) => stream.name);
  return running.length === 0 ? run.status : running.join(', ');
}
