/** Where the package lies: `drizzle/` and `package.json` are found from here, from `src` as well as from `dist`. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

function findRoot(): string {
  for (let folder = import.meta.dirname; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json')) && existsSync(join(folder, 'drizzle'))) return folder;
    if (folder === dirname(folder)) throw new Error('the folder with package.json and drizzle/ is missing');
  }
}

export const packageRoot: string = findRoot();

export const version: string = (
  JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { version: string }
).version;
