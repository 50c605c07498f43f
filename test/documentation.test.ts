import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { catalogue } from '../src/errors.ts';
import { errorsPage } from '../src/errors-page.ts';
import { packageRoot } from '../src/package-root.ts';
import { providers } from '../src/providers/registry.ts';

const read = (path: string): string => readFileSync(join(packageRoot, path), 'utf8');

describe('the documentation', () => {
  it('lists every error of the catalogue as it is (npm run docs:errors)', () => {
    expect(read('docs/errors.md')).toBe(errorsPage());
  });

  it('gives each error one sentence of advice that ends', () => {
    for (const [code, { advice }] of Object.entries(catalogue)) {
      expect(advice, code).toMatch(/^[A-Z`].*[.]$/);
    }
  });

  it('gives a reason for every library that the product or its build depends on', () => {
    const manifest = JSON.parse(read('package.json')) as Record<string, Record<string, string> | undefined>;
    const page = read('docs/dependencies.md');
    const names = ['dependencies', 'optionalDependencies', 'devDependencies'].flatMap((kind) =>
      Object.keys(manifest[kind] ?? {}),
    );
    const missing = names.filter((name) => !page.includes(`\`${name}\``));
    expect(missing).toEqual([]);
  });

  it('pins every library to an exact version', () => {
    const manifest = JSON.parse(read('package.json')) as Record<string, Record<string, string> | undefined>;
    for (const kind of ['dependencies', 'optionalDependencies', 'devDependencies']) {
      for (const [name, version] of Object.entries(manifest[kind] ?? {})) {
        expect(version, name).toMatch(/^\d+\.\d+\.\d+(-[\w.]+)?$/);
      }
    }
  });

  it('names no registry host in the lock file', () => {
    expect(read('package-lock.json')).not.toMatch(/"resolved": "https?:/);
  });

  it.each(providers.map((provider) => [provider.id, provider] as const))(
    'of %s lists the streams that it declares, and how they are read',
    (id, provider) => {
      const page = read(`docs/providers/${id}.md`);
      const rows = rowsOf(page, 'stream');
      const declared = new Set(provider.streams.map(({ name }) => name));
      expect([...rows.keys()].toSorted()).toEqual([...declared].toSorted());
      for (const { name, changes } of provider.streams) {
        const isNewestFirst = changes.detect === 'watermark' && changes.order === 'newest-first';
        expect(/newest first/.test(rows.get(name) ?? ''), name).toBe(isNewestFirst);
      }
      if (provider.streams.some(({ changes }) => changes.detect === 'sequence'))
        expect(page).toContain('read by sequence number');
      expect(read('README.md')).toContain(`(docs/providers/${id}.md)`);
    },
  );

  it('builds the provider of its example, in less than 80 lines', () => {
    const page = read('docs/adding-a-provider.md');
    const code = Array.from(page.matchAll(/```ts\n(.*?)\n```/gs), ([, block]) => block).join('\n\n');
    const file = read('examples/paypal/provider.ts');
    expect(`${code}\n`).toBe(file);
    expect(file.trimEnd().split('\n').length).toBeLessThan(80);
  });
});

/** The rows of every table whose first column has this heading, by what stands as code in that column. */
function rowsOf(page: string, heading: string): Map<string, string> {
  const tables = page.split('\n\n').filter((block) => new RegExp(`^\\| ${heading} +\\|`).test(block));
  const rows = tables.flatMap((table) => table.split('\n'));
  return new Map(
    rows.flatMap((row) => {
      const name = /^\| `([^`]+)` +\|/.exec(row)?.[1];
      return name === undefined ? [] : [[name, row] as const];
    }),
  );
}
