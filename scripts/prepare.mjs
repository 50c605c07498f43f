// Builds after `npm ci`. Under `npm ci --omit=dev` there is no compiler: then a build that is already there is
// used as it is, and a missing one is named with its fix instead of failing the install.
import { existsSync, readFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const root = join(dirname(new URL(import.meta.url).pathname), '..');
const require = createRequire(import.meta.url);

/** The folder of an installed package; undefined where it was left out. */
function installed(name) {
  try {
    return dirname(require.resolve(`${name}/package.json`));
  } catch {
    return undefined;
  }
}

// A compiler may come along with some library; without the types of ours it could only fail.
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const types = Object.keys(manifest.devDependencies).filter((name) => name.startsWith('@types/'));
const compiler = installed('typescript');
if (compiler === undefined || types.some((name) => installed(name) === undefined)) {
  if (!existsSync(join(root, 'dist', 'src', 'cli.js')))
    console.warn(
      'sluice: not built, since development dependencies were left out. Run `npm ci` first, then `npm prune --omit=dev`.',
    );
  process.exit(0);
}
const built = spawnSync(process.execPath, [join(compiler, 'bin', 'tsc'), '-p', 'tsconfig.build.json'], {
  cwd: root,
  stdio: 'inherit',
});
process.exit(built.status ?? 1);
