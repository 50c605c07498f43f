/** What `sluice doctor` says of one thing that it looked at. */
import { reportOf } from '../../errors.ts';

export interface Finding {
  readonly name: string;
  readonly ok: boolean;
  readonly message: string;
  /** one sentence that names the fix; null where there is nothing to mend */
  readonly advice: string | null;
}

export function well(name: string, message: string): Finding {
  return { name, ok: true, message, advice: null };
}

export function ill(name: string, message: string, advice: string): Finding {
  return { name, ok: false, message, advice };
}

/** An error with its own advice. */
export function illBy(name: string, error: unknown): Finding {
  const { message, advice } = reportOf(error);
  return ill(name, message, advice);
}
