/**
 * The files that pages load: two scripts of our own in `public/`, and the plot library from its package. Both are found
 * from `src` as well as from `dist`. Their addresses carry a hash of their content, so that browsers keep them for good.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { packageRoot } from '../package-root.ts';

export interface Asset {
  readonly body: string;
  readonly type: string;
  readonly hash: string;
}

const JAVASCRIPT = 'text/javascript; charset=utf-8';
const FILES = {
  'live.js': [() => join(packageRoot, 'public', 'live.js'), JAVASCRIPT],
  'plots.js': [() => join(packageRoot, 'public', 'plots.js'), JAVASCRIPT],
  'uplot.js': [() => inLibrary('uPlot.iife.min.js'), JAVASCRIPT],
  'uplot.css': [() => inLibrary('uPlot.min.css'), 'text/css; charset=utf-8'],
} as const;

export type AssetName = keyof typeof FILES;

const loaded = new Map<AssetName, Asset>();

/** Undefined where there is no such file. It is read once. */
export function findAsset(name: string): Asset | undefined {
  return Object.hasOwn(FILES, name) ? load(name as AssetName) : undefined;
}

/** Where browsers load it from. */
export function assetPath(name: AssetName): string {
  return `/assets/${name}?v=${load(name).hash}`;
}

function load(name: AssetName): Asset {
  const known = loaded.get(name);
  if (known !== undefined) return known;
  const [path, type] = FILES[name];
  const body = readFileSync(path(), 'utf8');
  const asset = { body, type, hash: createHash('sha256').update(body).digest('hex').slice(0, 12) };
  loaded.set(name, asset);
  return asset;
}

function inLibrary(file: string): string {
  return join(dirname(createRequire(import.meta.url).resolve('uplot/package.json')), 'dist', file);
}
