/**
 * Dockerfile and compose.yaml against what they rely on: an engine isn't at hand in every place where the tests run, but
 * names, paths, commands and the environment can be checked without one.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { CliContext } from '../../src/commands/cli-types.ts';
import { createProgram } from '../../src/commands/program.ts';
import { loadEnvironment } from '../../src/config/index.ts';
import { variables } from '../../src/config/variables.ts';
import { packageRoot } from '../../src/package-root.ts';
import { startSite } from '../web/site.ts';

const read = (path: string): string => readFileSync(join(packageRoot, path), 'utf8');

interface Service {
  readonly build?: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly secrets?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: { readonly test?: readonly string[]; readonly disable?: boolean };
  readonly restart?: string;
  readonly init?: boolean;
  readonly stop_grace_period?: string;
}
const compose: {
  readonly services: Readonly<Record<string, Service>>;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
} = parse(read('compose.yaml'), { merge: true });
const ours = Object.entries(compose.services).filter(([, { build }]) => build !== undefined);

interface Instruction {
  readonly name: string;
  readonly text: string;
  /** of the stage that it stands in; the last one is the image */
  readonly stage: string;
}
const instructions: Instruction[] = [];
for (const line of read('Dockerfile').replaceAll(/\\\n/g, ' ').split('\n')) {
  const [, name, text = ''] = /^([A-Z]+) (.*)$/.exec(line) ?? [];
  if (name === undefined) continue;
  const stage =
    name === 'FROM' ? (/ AS (\w+)/.exec(text)?.[1] ?? 'image') : (instructions.at(-1)?.stage ?? '');
  instructions.push({ name, text, stage });
}
const of = (name: string, stage = 'image'): string[] =>
  instructions.filter((one) => one.name === name && one.stage === stage).map(({ text }) => text);
const imageEnvironment = Object.fromEntries(
  of('ENV').flatMap((text) => text.split(' ').map((pair) => pair.split('=') as [string, string])),
);

/** What `.dockerignore` lets through: it ignores everything, and names the exceptions. */
const allowed = read('.dockerignore')
  .split('\n')
  .filter((line) => line.startsWith('!'))
  .map((line) => line.slice(1));
const sent = (path: string): boolean => allowed.some((one) => path === one || path.startsWith(`${one}/`));

const context: CliContext = { action: () => () => Promise.resolve() };
const commands = (await createProgram(context, () => {})).commands.map((command) => command.name());

describe('the Dockerfile', () => {
  it('copies only what is there and what .dockerignore lets through', () => {
    expect(read('.dockerignore').split('\n')).toContain('*');
    const copied = instructions
      .filter(({ name, text }) => name === 'COPY' && !text.startsWith('--from='))
      .flatMap(({ text }) => text.split(' ').slice(0, -1));
    expect(copied.length).toBeGreaterThan(8);
    for (const path of copied) {
      expect(existsSync(join(packageRoot, path)), `${path} is there`).toBe(true);
      expect(sent(path.replace(/^\.\//, '')), `${path} is sent`).toBe(true);
    }
    for (const path of ['.env', '.git', '.sluice', 'node_modules', 'secrets', 'sluice.yaml', 'dist'])
      expect(sent(path), path).toBe(false);
    // nothing is let through that no step needs
    for (const path of allowed) expect(copied, path).toContain(path);
  });

  it('builds from all that is compiled into the product, and takes it from a stage that exists', () => {
    const { include } = JSON.parse(read('tsconfig.build.json')) as { include: string[] };
    const copied = of('COPY', 'build').join(' ');
    // what only measures and tests isn't part of the image
    for (const folder of include.filter((one) => !['bench', 'test/chaos'].includes(one)))
      expect(copied).toContain(folder);
    const stages = new Set(instructions.map(({ stage }) => stage));
    const taken = of('COPY').flatMap((text) => /--from=(\w+)/.exec(text)?.slice(1) ?? []);
    expect(taken.length).toBe(2);
    for (const stage of taken) expect(stages).toContain(stage);
    expect(of('RUN', 'build').join()).toContain('npm run build');
    expect(of('RUN', 'dependencies').join()).toMatch(/npm ci --omit=dev --omit=optional/);
    expect(of('RUN')).toEqual([]);
  });

  it('runs the command line itself, as another user than root', () => {
    const { bin, engines } = JSON.parse(read('package.json'));
    expect(of('USER')).toEqual(['node']);
    expect(JSON.parse(of('ENTRYPOINT')[0] ?? '')).toEqual(['node', expect.stringMatching(/^--/), bin.sluice]);
    expect(commands).toContain(JSON.parse(of('CMD')[0] ?? '')[0]);
    const least = Number(/\d+/.exec(engines.node)?.[0]);
    expect(Number(/node:(\d+)-/.exec(read('Dockerfile'))?.[1])).toBeGreaterThan(least);
    // Alpine has another C library than the native parts are made for
    expect(read('Dockerfile')).not.toMatch(/node:\S*alpine/);
    const ports = [imageEnvironment.PORT, imageEnvironment.SLUICE_WORKER_PORT];
    expect(of('EXPOSE')).toEqual([ports.join(' ')]);
    expect(of('COPY').join(' ')).toContain(/"(scripts\/[^"]+)"/.exec(of('HEALTHCHECK')[0] ?? '')?.[1]);
  });

  it('finds a process alive by the port that it has', async () => {
    const site = await startSite();
    const port = new URL(site.url).port;
    // not in one go: the site answers from this very process
    const answered = async (env: Record<string, string>): Promise<number | null> => {
      const script = join(packageRoot, 'scripts/healthcheck.mjs');
      const child = spawn(process.execPath, [script], { env });
      await once(child, 'close');
      return child.exitCode;
    };
    expect(await answered({ PORT: port, SLUICE_WORKER_PORT: '1' })).toBe(0);
    expect(await answered({ PORT: '1', SLUICE_WORKER_PORT: port })).toBe(0);
    await site.close();
    expect(await answered({ PORT: port, SLUICE_WORKER_PORT: '1' })).toBe(1);
  });
});

describe('compose.yaml', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'sluice-compose-'));
    const block = /```sh\n(install -d[^`]*)```/.exec(read('docs/deploy.md'))?.[1];
    expect(block, 'docs/deploy.md says how the secrets are made').toBeDefined();
    execFileSync('bash', ['-euc', block ?? 'false'], { cwd: folder });
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('runs the processes of the Procfile, by commands that exist', () => {
    const procfile = read('Procfile')
      .trim()
      .split('\n')
      .map((line) => line.split(/: node (?:--\S+ )?dist\/src\/cli\.js /));
    expect(ours.map(([name, { command }]) => [name, command?.join(' ')])).toEqual(procfile);
    for (const [name, { command = [] }] of ours) expect(commands, name).toContain(command[0]);
  });

  it('sets only variables that exist, and files only for secrets', () => {
    const secrets = Object.entries(variables).filter(([, { secret }]) => secret);
    const known = [...Object.keys(variables), ...secrets.map(([name]) => `${name}_FILE`)];
    for (const [service, { environment = {} }] of ours)
      for (const name of Object.keys(environment)) expect(known, service).toContain(name);
    for (const name of Object.keys(imageEnvironment).filter((one) => one !== 'NODE_ENV'))
      expect(known).toContain(name);
  });

  it('gives each service the secrets that it names, from files that the guide makes', () => {
    for (const [name, { environment = {}, secrets = [] }] of Object.entries(compose.services)) {
      const named = Object.values(environment).flatMap((value) =>
        value.startsWith('/run/secrets/') ? [value.slice('/run/secrets/'.length)] : [],
      );
      expect([...named].sort(), name).toEqual([...secrets].sort());
      for (const secret of secrets)
        expect(existsSync(join(folder, compose.secrets[secret]?.file ?? '')), secret).toBe(true);
    }
  });

  it.each(ours)('starts %s with a configuration that is complete', (name, { environment = {} }) => {
    const env = Object.fromEntries(
      Object.entries({ ...imageEnvironment, ...environment }).map(([key, value]) => [
        key,
        value
          .replace('/run/secrets', join(folder, 'secrets'))
          .replace(/^\$\{PUBLIC_URL:\?.*\}$/, 'https://sluice.example.com')
          .replace(/^\$\{\w+:-(.*)\}$/, '$1'),
      ]),
    );
    const role = name === 'release' ? 'command' : (name as 'web' | 'worker');
    const loaded = loadEnvironment(env, { role, cwd: folder });
    expect(loaded).toMatchObject({ mode: 'production', host: '0.0.0.0', adminPassword: expect.any(String) });
    expect(loaded.apiKeys).toHaveLength(1);
    const { hostname, pathname, username, password } = new URL(loaded.databaseUrl ?? '');
    const { environment: database } = compose.services.postgres ?? {};
    expect([username, pathname]).toEqual([database?.POSTGRES_USER, `/${database?.POSTGRES_DB}`]);
    expect(password).toBe(readFileSync(join(folder, 'secrets/postgres_password'), 'utf8').trim());
    for (const host of [hostname, new URL(loaded.redisUrl ?? '').hostname])
      expect(Object.keys(compose.services)).toContain(host);
  });

  it('starts in order, restarts what stays, and leaves time to stop', () => {
    for (const [name, { depends_on: needs = {}, healthcheck, restart }] of Object.entries(compose.services)) {
      for (const [other, { condition }] of Object.entries(needs)) {
        const target = compose.services[other];
        expect(target, `${name} needs ${other}`).toBeDefined();
        if (condition === 'service_healthy') expect(target?.healthcheck?.test, other).toBeDefined();
        else expect([other, condition]).toEqual(['release', 'service_completed_successfully']);
      }
      // its end is its success
      expect(healthcheck?.disable ?? false, name).toBe(name === 'release');
      expect(restart, name).toBe(name === 'release' ? 'on-failure:3' : 'unless-stopped');
    }
    for (const [name, { init, stop_grace_period: grace = '10s' }] of ours) {
      expect(init, name).toBe(true);
      expect(Number.parseInt(grace, 10)).toBeGreaterThan(25);
    }
  });
});
