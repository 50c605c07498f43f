/**
 * A second try for the test files that failed, each at most once and with nothing beside it, for `.ci/run`: real processes and
 * servers on two busy cores now and then miss a limit. What passes only then is printed as unstable, so that it gets
 * mended; what fails again fails the run. Property tests have no second try: another seed would hide what the first found.
 *
 *     node scripts/test-again.mjs REPORT.json [vitest arguments]
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** More than this is no accident. */
const MOST_FILES = 6;

const [reportFile, ...vitest] = process.argv.slice(2);
const first = JSON.parse(readFileSync(reportFile, 'utf8'));
const failed = first.failedFiles;
if (failed.length === 0 || failed.length > MOST_FILES || failed.some(({ project }) => project === 'engine')) {
  console.error(`${failed.length} test file(s) failed; no second try`);
  process.exit(1);
}
console.log(`\nsecond try: ${failed.map(({ file, project }) => `${file} (${project})`).join(', ')}`);
const folder = mkdtempSync(join(tmpdir(), 'sluice-test-again-'));
const report = { ...first, unstable: [], failedFiles: [] };
for (const { project, file } of failed) {
  const secondFile = join(folder, 'report.json');
  const args = ['vitest', 'run', ...vitest, '--project', project, file];
  const run = spawnSync('npx', args, { stdio: 'inherit', env: { ...process.env, TEST_REPORT: secondFile } });
  if (run.status !== 0) {
    rmSync(folder, { recursive: true });
    console.error(`${file} failed twice`);
    process.exit(1);
  }
  report.unstable.push(`${file} (${project})`);
}
rmSync(folder, { recursive: true });
report.passed += report.failed;
report.failed = 0;
writeFileSync(reportFile, JSON.stringify(report));
