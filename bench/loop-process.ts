/** The bare loop in a process of its own, so that its memory can be compared with a worker's. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { openDb } from '../src/store/db.ts';
import { bareLoop } from './floors.ts';
import type { Footprint } from './memory.ts';

export type LoopDone = Omit<Footprint, 'peakMiB'>;

const [databaseUrl = '', origin = '', pageSize = ''] = process.argv.slice(2);
const db = openDb({ url: databaseUrl, max: 2 });
const delay = monitorEventLoopDelay({ resolution: 10 });
delay.enable();
const started = performance.now();
const records = await bareLoop(db, origin, Number(pageSize));
const seconds = (performance.now() - started) / 1000;
const done: LoopDone = { records, seconds, loopP99Ms: delay.percentile(99) / 1e6 };
process.send?.(done);
// stays until its memory was read
await new Promise<void>((resolve) => void process.once('disconnect', resolve));
await db.close();
