// Arrows point down: a folder imports from those below it and never from above or beside. Also holds who may name
// which library, and that a provider's name appears only where it belongs. `docs/architecture.md` explains the layers.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

const root = join(dirname(new URL(import.meta.url).pathname), '..');
const src = join(root, 'src');

/** Higher numbers stand above. Folders of one number don't know each other. */
const layers = {
  'errors.ts': 0,
  'errors-page.ts': 1,
  'exact-json.ts': 0,
  'package-root.ts': 0,
  config: 1,
  telemetry: 1,
  providers: 2,
  net: 3,
  store: 3,
  auth: 4,
  outbound: 5,
  sync: 6,
  webhooks: 7,
  jobs: 8,
  'migration.ts': 8.5,
  'runtime.ts': 9,
  web: 9,
  commands: 10,
  'cli.ts': 11,
};

/** Pure descriptions that every layer may use: they import nothing of ours but each other. */
const contracts = new Set([
  'providers/contract.ts',
  'providers/webhook-contract.ts',
  'providers/connection.ts',
  'net/contract.ts',
]);

/** Libraries that only these folders or files may name. */
const libraries = {
  bullmq: ['jobs'],
  hono: ['web'],
  '@hono/': ['web'],
  '@bull-board/': ['jobs', 'web'],
  'openid-client': ['auth'],
  undici: ['net'],
  ioredis: ['store'],
  pg: ['store', 'jobs', 'auth', 'sync', 'webhooks', 'outbound'],
  'drizzle-orm': ['store'],
  commander: ['commands', 'cli.ts'],
  '@opentelemetry/': ['telemetry'],
};

/** Files that a folder above may import from `jobs`. */
const publicOf = { jobs: ['jobs/index.ts'] };

const providerNames = readdirSync(join(src, 'providers'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name);

const problems = [];
for (const file of files(src)) {
  const path = relative(src, file).replaceAll('\\', '/');
  const home = layerOf(path);
  const text = readFileSync(file, 'utf8');
  for (const specifier of importsOf(text)) {
    if (specifier.startsWith('.')) checkOwn(path, home, relative(src, resolve(dirname(file), specifier)));
    else checkLibrary(path, home, specifier);
  }
  if (home !== 'providers') {
    for (const name of providerNames) {
      if (new RegExp(`\\b${name}\\b`, 'i').test(text)) problems.push(`${path} names the provider ${name}`);
    }
  }
}

function checkOwn(path, home, target) {
  if (target.startsWith('..')) {
    if (!/^commands\/demo(?:-connections|-webhooks)?\.ts$/.test(path) || !target.startsWith('../sandbox/'))
      problems.push(`${path} imports ${target}`);
    return;
  }
  const other = layerOf(target);
  if (layers[other] === undefined) problems.push(`${target} stands in no layer`);
  else if (contracts.has(target) && !contracts.has(path)) return;
  else if (other !== home && layers[other] >= layers[home])
    problems.push(`${path} imports ${target}, which is not below it`);
  else if (home === 'providers' && path.split('/').length > 2 && !isOfProvider(path, target))
    problems.push(
      `${path} imports ${target}: a provider knows its own folder, the contract and exact numbers`,
    );
  else if (other !== home && publicOf[other] !== undefined && !publicOf[other].includes(target))
    problems.push(`${path} imports ${target}; only ${publicOf[other].join(', ')} is public`);
}

function isOfProvider(path, target) {
  return target.startsWith(`${dirname(path)}/`) || target === 'exact-json.ts';
}

function checkLibrary(path, home, specifier) {
  for (const [library, allowed] of Object.entries(libraries)) {
    const named = library.endsWith('/')
      ? specifier.startsWith(library)
      : specifier === library || specifier.startsWith(`${library}/`);
    if (named && !allowed.includes(home))
      problems.push(`${path} imports ${specifier}; only ${allowed.join(', ')} may`);
  }
}

function layerOf(path) {
  return path.split('/')[0];
}

function* files(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* files(path);
    else if (/\.tsx?$/.test(entry.name)) yield path;
  }
}

function importsOf(text) {
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => match[1]);
}

if (problems.length > 0) {
  console.error(problems.join('\n'));
  process.exit(1);
}
