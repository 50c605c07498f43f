/** The process's environment, read once: typed, frozen, with every problem reported at once. */
import { readFileSync, statSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { join, resolve } from 'node:path';
import { parseWith } from './issues.ts';
import { configError, hasErrors, type Problem } from './problem.ts';
import { suggest } from './suggest.ts';
import type { EncryptionKey } from './values.ts';
import { variableNames, variables, type VariableName, type VariableValues } from './variables.ts';

/**
 * What a process is going to do, and so which variables it can't do without. `command` works on the database;
 * `offline` needs nothing (`validate`, `providers`).
 */
export type Role = 'start' | 'web' | 'worker' | 'migrate' | 'release' | 'command' | 'offline' | 'demo';

export interface Environment {
  readonly role: Role;
  /** `embedded`: no DATABASE_URL, so Sluice brings its own Postgres and makes its own secrets */
  readonly mode: 'embedded' | 'production';
  readonly databaseUrl: string | undefined;
  /** undefined: the queue uses `databaseUrl` */
  readonly queueDatabaseUrl: string | undefined;
  readonly redisUrl: string | undefined;
  readonly queuePrefix: string;
  /** absolute; undefined: there is no declarative file */
  readonly configFile: string | undefined;
  /** absolute */
  readonly dataDir: string;
  /** as set; in embedded mode completed by `ensureEmbeddedSecrets` */
  readonly encryptionKeys: readonly EncryptionKey[];
  readonly apiKeys: readonly string[];
  readonly adminPassword: string | undefined;
  readonly sessionSecret: string | undefined;
  readonly port: number;
  readonly host: string;
  /** an origin; undefined where it is unknown: unset in production, or a free port that isn't chosen yet */
  readonly publicUrl: string | undefined;
  /** true where the user set it, so that another port must not change it */
  readonly publicUrlSet: boolean;
  readonly workerPort: number | undefined;
  readonly metricsOpen: boolean;
  readonly bullBoard: 'read-only' | 'read-write';
  readonly workerConcurrency: number;
  readonly shutdownGraceMs: number;
  readonly allowLoopback: boolean;
  /** host names, addresses and CIDRs in lower case */
  readonly allowHosts: readonly string[];
  /** besides the public URL's: where a person may be sent back to after a consent */
  readonly returnOrigins: readonly string[];
  readonly notifyUrl: string | undefined;
  /** the bytes of the key */
  readonly notifySecret: Buffer | undefined;
  readonly logLevel: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';
  readonly logFormat: 'json' | 'pretty';
  readonly otelEndpoint: string | undefined;
  /** what doesn't stop the process but should be put right */
  readonly warnings: readonly Problem[];
}

export interface EnvironmentOptions {
  readonly role: Role;
  /** relative paths count from here */
  readonly cwd: string;
  /** true where the log goes to a terminal */
  readonly terminal?: boolean;
}

/**
 * Reads the environment for one role.
 *
 * @throws SluiceError `config_invalid` with all problems, in its message and as `details.problems`; never a secret
 */
export function loadEnvironment(env: NodeJS.ProcessEnv, options: EnvironmentOptions): Environment {
  const { environment, problems } = checkEnvironment(env, options);
  if (environment === undefined) throw configError(problems);
  return environment;
}

/** The same for a caller that shows the problems himself; `environment` is there when none is an error. */
export function checkEnvironment(
  env: NodeJS.ProcessEnv,
  options: EnvironmentOptions,
): { readonly environment?: Environment; readonly problems: readonly Problem[] } {
  const demo = options.role === 'demo';
  const problems: Problem[] = [];
  const values: Partial<Record<VariableName, unknown>> = {};
  const wrong = new Set<VariableName>();
  for (const name of variableNames) {
    const variable = variables[name];
    if (demo && !variable.inDemo) continue;
    const raw = readVariable(env, name, variable.secret, options.cwd);
    if ('problem' in raw) {
      problems.push(raw.problem);
      wrong.add(name);
    } else if (raw.text !== undefined) {
      const parsed = parseWith<unknown>(variable.schema, raw.text, [name]);
      if ('value' in parsed) values[name] = parsed.value;
      else {
        problems.push(...parsed.problems);
        wrong.add(name);
      }
    }
  }
  const set = (name: VariableName) => values[name] !== undefined || wrong.has(name);
  problems.push(...crossProblems(set, options.role), ...unknownProblems(env));
  problems.push(...riskProblems(values as VariableValues, options.role));
  const configFile = findConfigFile(values as VariableValues, options, problems);
  if (hasErrors(problems)) return { problems };
  return { environment: build(values as VariableValues, options, configFile, problems), problems };
}

/** The base of links to a web process that listens on this address and port. */
export function localUrl(host: string, port: number): string {
  const reachable = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  return `http://${isIPv6(reachable) ? `[${reachable}]` : reachable}:${port}`;
}

function error(where: string, message: string, fix: string): Problem {
  return { severity: 'error', where, message, fix };
}

/** An empty variable is an unset one: compose files and `.env` files can't leave one out. */
function readVariable(
  env: NodeJS.ProcessEnv,
  name: VariableName,
  secret: boolean,
  cwd: string,
): { readonly text: string | undefined } | { readonly problem: Problem } {
  const direct = env[name]?.trim() === '' ? undefined : env[name];
  const fileName = `${name}_FILE`;
  const file = secret && env[fileName] !== '' ? env[fileName] : undefined;
  if (file === undefined) return { text: secret ? direct : direct?.trim() };
  if (direct !== undefined) {
    return {
      problem: error(name, `is set, and ${fileName} is set too`, `Unset one of ${name} and ${fileName}.`),
    };
  }
  const path = resolve(cwd, file);
  try {
    const text = readFileSync(path, 'utf8').replace(/\r?\n$/, '');
    if (text.trim() !== '') return { text };
    return { problem: error(fileName, `names ${path}, which is empty`, 'Write the value into the file.') };
  } catch (cause) {
    const reason = (cause as { code?: string }).code ?? 'unknown reason';
    const fix = 'Check the path, and that the user who runs Sluice may read the file.';
    return { problem: error(fileName, `names ${path}, which cannot be read (${reason})`, fix) };
  }
}

/** What one variable asks of another. A variable that is set to nonsense counts as set: that is reported already. */
function crossProblems(set: (name: VariableName) => boolean, role: Role): Problem[] {
  if (role === 'demo' || role === 'offline') return [];
  const problems: Problem[] = [];
  const servesWeb = role === 'start' || role === 'web';
  if (set('DATABASE_URL')) {
    // migrations touch no secret; everything else may have to decrypt one
    if (role !== 'migrate' && !set('SLUICE_ENCRYPTION_KEYS')) {
      problems.push(
        error(
          'SLUICE_ENCRYPTION_KEYS',
          'is missing, and DATABASE_URL is set: credentials would be stored under a key that dies with this machine',
          'Set SLUICE_ENCRYPTION_KEYS="k1:$(openssl rand -base64 32)", once, to the same value for every process.',
        ),
      );
    }
    if (servesWeb && !set('PUBLIC_URL')) {
      const fix = 'Set the address that browsers and providers use, such as https://sluice.example.com.';
      problems.push(error('PUBLIC_URL', 'is missing, and DATABASE_URL is set', fix));
    }
    if (servesWeb && set('SLUICE_ADMIN_PASSWORD') && !set('SLUICE_SESSION_SECRET')) {
      const fix = 'Set it to what `openssl rand -base64 48` makes, the same for every web process.';
      problems.push(error('SLUICE_SESSION_SECRET', 'is missing, and SLUICE_ADMIN_PASSWORD is set', fix));
    }
  } else if (set('QUEUE_DATABASE_URL')) {
    const fix = 'Set DATABASE_URL too, or unset QUEUE_DATABASE_URL.';
    problems.push(error('QUEUE_DATABASE_URL', 'is set without DATABASE_URL', fix));
  }
  if (role !== 'migrate' && set('SLUICE_NOTIFY_URL') && !set('SLUICE_NOTIFY_SECRET')) {
    const fix =
      'Set it to whsec_ and what `openssl rand -base64 32` makes; receivers check signatures with it.';
    problems.push(error('SLUICE_NOTIFY_SECRET', 'is missing, and SLUICE_NOTIFY_URL is set', fix));
  }
  return problems;
}

const prefix = 'SLUICE_';

/**
 * Variables of ours that nothing reads. One that resembles a known name is an error, since its value would be
 * silently lost; another may belong to the user's own `${…}`.
 */
function unknownProblems(env: NodeJS.ProcessEnv): Problem[] {
  const files = variableNames.filter((name) => variables[name].secret).map((name) => `${name}_FILE`);
  const known = [...variableNames, ...files];
  // the shared prefix would make everything alike
  const bare = new Map(known.map((name) => [withoutPrefix(name), name]));
  const problems: Problem[] = [];
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith(prefix) || known.includes(name) || value === undefined) continue;
    // a Service named "sluice" makes Kubernetes set SLUICE_PORT=tcp://…
    if (/^(tcp|udp):\/\//.test(value)) continue;
    const near = bare.get(suggest(withoutPrefix(name), [...bare.keys()]) ?? '');
    if (near === undefined) continue;
    problems.push(
      error(name, `is not a variable of Sluice; did you mean ${near}?`, `Rename it to ${near}, or unset it.`),
    );
  }
  return problems;
}

function withoutPrefix(name: string): string {
  return name.startsWith(prefix) ? name.slice(prefix.length) : name;
}

function findConfigFile(
  values: VariableValues,
  options: EnvironmentOptions,
  problems: Problem[],
): string | undefined {
  if (options.role === 'demo') return undefined;
  const named = values.SLUICE_CONFIG;
  const path = resolve(options.cwd, named ?? 'sluice.yaml');
  if (isFile(path)) return path;
  // only these two apply it; a web or worker process needs no copy
  if (named !== undefined && (options.role === 'start' || options.role === 'release')) {
    problems.push(
      error('SLUICE_CONFIG', `names ${path}, which is no file`, 'Correct the path, or unset it.'),
    );
  }
  return undefined;
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function riskProblems(values: VariableValues, role: Role): Problem[] {
  if (role === 'demo' || values.DATABASE_URL === undefined) return [];
  const problems: Problem[] = [];
  const warn = (where: VariableName, message: string, fix: string) =>
    problems.push({ severity: 'warning', where, message, fix });
  const guessable = (where: VariableName, texts: readonly string[], least: number, make: string) => {
    const at = texts.findIndex((text) => text.length < least);
    if (at === -1) return;
    const which = texts.length === 1 ? '' : `key ${at + 1} `;
    warn(where, `${which}is shorter than ${least} characters`, `Make one with \`${make}\`.`);
  };
  const one = (text: string | undefined) => (text === undefined ? [] : [text]);
  guessable('SLUICE_ADMIN_PASSWORD', one(values.SLUICE_ADMIN_PASSWORD), 12, 'openssl rand -base64 18');
  guessable('SLUICE_SESSION_SECRET', one(values.SLUICE_SESSION_SECRET), 32, 'openssl rand -base64 48');
  guessable('SLUICE_API_KEYS', values.SLUICE_API_KEYS ?? [], 16, 'openssl rand -hex 24');
  const plain = (values.SLUICE_ENCRYPTION_KEYS ?? []).findIndex(({ key }) => new Set(key).size === 1);
  if (plain !== -1) {
    const message = `key ${plain + 1} is one byte repeated, as in an example`;
    warn('SLUICE_ENCRYPTION_KEYS', message, 'Make one with `openssl rand -base64 32`.');
  }
  if (values.SLUICE_ALLOW_LOOPBACK === true) {
    const fix = 'Unset it, or name single hosts in SLUICE_ALLOW_HOSTS.';
    warn('SLUICE_ALLOW_LOOPBACK', 'lets whoever may change connections reach services on this machine', fix);
  }
  return problems;
}

function build(
  values: VariableValues,
  { role, cwd, terminal }: EnvironmentOptions,
  configFile: string | undefined,
  warnings: readonly Problem[],
): Environment {
  const demo = role === 'demo';
  const mode = values.DATABASE_URL === undefined ? 'embedded' : 'production';
  const host = values.HOST ?? (mode === 'embedded' ? '127.0.0.1' : '0.0.0.0');
  const port = values.PORT ?? 3000;
  const dataDir = resolve(cwd, values.SLUICE_DATA_DIR ?? '.sluice');
  const ownUrl = mode === 'embedded' && port !== 0 ? localUrl(host, port) : undefined;
  return Object.freeze({
    role,
    mode,
    databaseUrl: values.DATABASE_URL,
    queueDatabaseUrl: values.QUEUE_DATABASE_URL,
    redisUrl: values.REDIS_URL,
    queuePrefix: values.SLUICE_QUEUE_PREFIX ?? 'sluice',
    configFile,
    dataDir: demo ? join(dataDir, 'demo') : dataDir,
    encryptionKeys: values.SLUICE_ENCRYPTION_KEYS ?? [],
    apiKeys: values.SLUICE_API_KEYS ?? [],
    adminPassword: values.SLUICE_ADMIN_PASSWORD,
    sessionSecret: values.SLUICE_SESSION_SECRET,
    port,
    host,
    publicUrl: values.PUBLIC_URL ?? ownUrl,
    publicUrlSet: values.PUBLIC_URL !== undefined,
    workerPort: values.SLUICE_WORKER_PORT,
    metricsOpen: values.SLUICE_METRICS_OPEN ?? false,
    bullBoard: values.SLUICE_BULL_BOARD ?? 'read-only',
    workerConcurrency: values.SLUICE_WORKER_CONCURRENCY ?? 20,
    shutdownGraceMs: values.SLUICE_SHUTDOWN_GRACE ?? 25_000,
    allowLoopback: values.SLUICE_ALLOW_LOOPBACK ?? demo,
    allowHosts: values.SLUICE_ALLOW_HOSTS ?? [],
    returnOrigins: values.SLUICE_RETURN_ORIGINS ?? [],
    notifyUrl: values.SLUICE_NOTIFY_URL,
    notifySecret: values.SLUICE_NOTIFY_SECRET,
    logLevel: values.LOG_LEVEL ?? 'info',
    logFormat: values.LOG_FORMAT ?? (terminal === true ? 'pretty' : 'json'),
    otelEndpoint: values.OTEL_EXPORTER_OTLP_ENDPOINT,
    warnings,
  });
}
