/**
 * The secrets of embedded mode: made once for a data folder and kept in its `secrets.json`, so that
 * `npm start` needs no configuration and a restart can still decrypt. What the environment sets wins.
 */
import { link, mkdir, open, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Environment } from './environment.ts';
import { configError, type Problem } from './problem.ts';
import type { EncryptionKey } from './values.ts';

export interface EmbeddedSecrets {
  /** the environment's first; the file's key stays, since it may have encrypted what is stored */
  readonly encryptionKeys: readonly EncryptionKey[];
  readonly apiKeys: readonly string[];
  readonly adminPassword: string;
  readonly sessionSecret: string;
  /** what this very call has made and the environment doesn't override: all of it, or nothing */
  readonly created: readonly ('encryptionKeys' | 'apiKeys' | 'adminPassword' | 'sessionSecret')[];
  /** where they are kept */
  readonly file: string;
  /** of a file or folder that others may open */
  readonly warnings: readonly Problem[];
}

export interface EmbeddedSecretsOptions {
  /** that many random bytes, fit for keys */
  readonly random: (bytes: number) => Buffer;
  /** what the environment sets */
  readonly given?: Pick<Environment, 'encryptionKeys' | 'apiKeys' | 'adminPassword' | 'sessionSecret'>;
}

const fileSchema = z.object({
  encryptionKey: z.object({ id: z.string().min(1), key: z.string().regex(/^[A-Za-z0-9+/]{43}=$/) }),
  apiKey: z.string().min(16),
  adminPassword: z.string().min(1),
  sessionSecret: z.string().min(32),
});

type SecretsFile = z.output<typeof fileSchema>;

/**
 * The secrets of a data folder, made if there are none. Any number of processes may call it at once: all get the
 * same ones.
 *
 * @throws SluiceError `config_invalid` where the file is damaged or may not be read or written
 */
export async function ensureEmbeddedSecrets(
  dataDir: string,
  options: EmbeddedSecretsOptions,
): Promise<EmbeddedSecrets> {
  const file = join(dataDir, 'secrets.json');
  let found = await readSecrets(file);
  let made = false;
  if (found === undefined) {
    const fresh = makeSecrets(options.random);
    made = await writeOnce(dataDir, file, fresh, options.random);
    found = made ? fresh : await readSecrets(file);
  }
  if (found === undefined) {
    throw secretsError(
      file,
      'vanished while it was being read',
      'Start again, and leave the data folder alone.',
    );
  }

  const { given } = options;
  const kept = { id: found.encryptionKey.id, key: Buffer.from(found.encryptionKey.key, 'base64') };
  const ownKeys = given?.encryptionKeys ?? [];
  const created: EmbeddedSecrets['created'][number][] = [];
  if (made) {
    if (ownKeys.length === 0) created.push('encryptionKeys');
    if ((given?.apiKeys ?? []).length === 0) created.push('apiKeys');
    if (given?.adminPassword === undefined) created.push('adminPassword');
    if (given?.sessionSecret === undefined) created.push('sessionSecret');
  }
  return {
    encryptionKeys: ownKeys.some((key) => key.id === kept.id) ? ownKeys : [...ownKeys, kept],
    apiKeys: given !== undefined && given.apiKeys.length > 0 ? given.apiKeys : [found.apiKey],
    adminPassword: given?.adminPassword ?? found.adminPassword,
    sessionSecret: given?.sessionSecret ?? found.sessionSecret,
    created,
    file,
    warnings: await looseModes(dataDir, file),
  };
}

function makeSecrets(random: (bytes: number) => Buffer): SecretsFile {
  return {
    // the id tells keys of different folders apart, should their data ever meet
    encryptionKey: { id: `local-${random(4).toString('hex')}`, key: random(32).toString('base64') },
    apiKey: `sluice_${random(24).toString('hex')}`,
    adminPassword: random(12).toString('base64url'),
    sessionSecret: random(48).toString('base64url'),
  };
}

/**
 * True where these secrets are now the folder's; false where another process was first. The file appears complete
 * or not at all: it is written under another name, then linked, and a link never replaces a file.
 */
async function writeOnce(
  dataDir: string,
  file: string,
  secrets: SecretsFile,
  random: (bytes: number) => Buffer,
): Promise<boolean> {
  const draft = `${file}.${process.pid}.${random(6).toString('hex')}`;
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
    const handle = await open(draft, 'wx', 0o600);
    try {
      await handle.writeFile(`${JSON.stringify(secrets, null, 2)}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await link(draft, file);
    return true;
  } catch (error) {
    const code = (error as { code?: string }).code ?? 'unknown reason';
    if (code === 'EEXIST') return false;
    const fix = 'Make the folder writable, or name another with SLUICE_DATA_DIR.';
    throw secretsError(file, `cannot be written (${code})`, fix, error);
  } finally {
    await rm(draft, { force: true }).catch(() => undefined);
  }
}

async function readSecrets(file: string): Promise<SecretsFile | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const code = (error as { code?: string }).code ?? 'unknown reason';
    if (code === 'ENOENT') return undefined;
    const fix = 'Run Sluice as the user that owns the file.';
    throw secretsError(file, `cannot be read (${code})`, fix, error);
  }
  try {
    return fileSchema.parse(JSON.parse(text));
  } catch {
    // not replaced by a new one: it holds the only key to what is stored; and no cause, which could quote it
    const fix =
      'Restore it from a backup; if the data folder holds nothing of value, remove the whole folder.';
    throw secretsError(file, 'is damaged', fix);
  }
}

function secretsError(file: string, message: string, fix: string, cause?: unknown) {
  const problem: Problem = { severity: 'error', where: file, message, fix };
  return configError([problem], undefined, cause);
}

async function looseModes(dataDir: string, file: string): Promise<Problem[]> {
  // Windows has no such modes
  if (process.platform === 'win32') return [];
  const warnings: Problem[] = [];
  const warn = (where: string, message: string, fix: string) =>
    warnings.push({ severity: 'warning', where, message, fix });
  if (((await stat(file)).mode & 0o077) !== 0) {
    warn(file, 'can be opened by other users of this machine', `Run: chmod 600 ${file}`);
  }
  if (((await stat(dataDir)).mode & 0o022) !== 0) {
    warn(dataDir, 'can be changed by other users of this machine', `Run: chmod go-w ${dataDir}`);
  }
  return warnings;
}
