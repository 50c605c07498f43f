/**
 * The order in which files begin. Vitest sorts by how long each took the last time; on a clean clone it knows nothing
 * and takes the largest first, so that a short file that waits for processes would begin last and be waited for alone.
 */
import type { TestSpecification } from 'vitest/node';
import { BaseSequencer } from 'vitest/node';

/** Those that take 30 s or more on two quiet cores, mostly waiting, the longest first. A name that is gone does no harm. */
const slow: readonly string[] = [
  'test/conformance/conformance.test.ts',
  'test/processes/demo.test.ts',
  'test/processes/worker.test.ts',
  'test/processes/restart.test.ts',
  'test/commands/connect.test.ts',
  'test/redis/processes.test.ts',
  'test/commands/records.test.ts',
];

export default class LongestFirst extends BaseSequencer {
  override async sort(specs: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification): number => {
      const known = slow.findIndex((name) => moduleId.endsWith(`/${name}`));
      return known === -1 ? slow.length : known;
    };
    const sorted = await super.sort(specs);
    return sorted.toSorted((a, b) => place(a) - place(b));
  }
}
