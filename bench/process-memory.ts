/** Resident memory of other processes, as Linux keeps it. */
import { readFileSync, writeFileSync } from 'node:fs';

/** The highest resident memory of a process since its start or the last `resetPeak`, in bytes; NaN where there is no /proc. */
export function peakRss(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
  } catch {
    return Number.NaN;
  }
}

/** Begins the peak anew (proc(5), `clear_refs`); without the right to do so, the peak stays that since the start. */
export function resetPeak(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, '5');
  } catch {
    // a peak over a longer time is never smaller
  }
}
