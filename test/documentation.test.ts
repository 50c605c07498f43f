import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { catalogue } from '../src/errors.ts';
import { errorsPage } from '../src/errors-page.ts';
import { packageRoot } from '../src/package-root.ts';

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
});
