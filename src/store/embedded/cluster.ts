/** The cluster: Postgres' data directory, made once, and the password of its only role. */
import { randomBytes } from 'node:crypto';
import { chown, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SluiceError } from '../../errors.ts';
import type { Binaries } from './binaries.ts';
import { makeFolder, sizeOf, textSince, writePrivate } from './files.ts';
import type { Place } from './place.ts';
import { disownPidFile, failed } from './postmaster.ts';
import { runTool, type RunLimits } from './tool.ts';

export const role = 'sluice';
export const database = 'sluice';

const passwordFile = (place: Place): string => join(place.control, 'password');

/** The role's password as it was last set; null where the file is gone. */
export async function readPassword(place: Place): Promise<string | null> {
  const text = await readFile(passwordFile(place), 'utf8').catch(() => '');
  return /^[\w-]{20,}$/.test(text) ? text : null;
}

async function makePassword(place: Place): Promise<string> {
  // only characters that need no escape in a URL or in SQL
  const password = randomBytes(24).toString('base64url');
  await writePrivate(passwordFile(place), password);
  return password;
}

/** Postgres' major version of the data, null where no cluster was made yet. */
export async function clusterVersion(place: Place): Promise<number | null> {
  const text = await readFile(join(place.cluster, 'PG_VERSION'), 'utf8').catch(() => null);
  return text === null ? null : Number.parseInt(text, 10);
}

/** @throws SluiceError `embedded_postgres_version` (config) where the data are of another major version. */
export function checkVersion(place: Place, found: number, binaries: Binaries): void {
  if (found === binaries.major) return;
  throw new SluiceError(
    'embedded_postgres_version',
    `The database in ${place.cluster} was written by Postgres ${found}; this version of Sluice comes with Postgres ${binaries.major}, which can't read it.`,
    { details: { found, expected: binaries.major } },
  );
}

/**
 * Makes the cluster in a folder of another name and renames it when everything is on the disk, so that a cluster
 * that was made half way is never met. About 1.1 s on a usual machine.
 *
 * @throws SluiceError `embedded_postgres_failed` (config) with the last lines of initdb.
 */
export async function makeCluster(
  place: Place,
  binaries: Binaries,
  env: NodeJS.ProcessEnv,
  limits: RunLimits,
): Promise<void> {
  const parent = dirname(place.cluster);
  for (const name of await readdir(parent))
    if (name.startsWith('data.new-'))
      // the initdb of a process that was killed may still be writing there
      await rm(join(parent, name), { recursive: true, force: true, maxRetries: 20 });
  if ((await readdir(place.cluster).catch(() => [])).length > 0)
    throw new SluiceError(
      'data_folder_unusable',
      `${place.cluster} holds files but no PG_VERSION, so it is no database, or a damaged one.`,
      { advice: 'Restore it from a backup, or move it away to begin with an empty database.' },
    );
  const draft = join(parent, `data.new-${randomBytes(4).toString('hex')}`);
  const password = join(parent, `data.new-password-${randomBytes(4).toString('hex')}`);
  const from = await sizeOf(place.log);
  try {
    await makeFolder(draft, 0o700);
    await writeFile(password, await makePassword(place), { mode: 0o600, flag: 'wx' });
    if (place.account !== undefined)
      for (const path of [draft, password]) await chown(path, place.account.uid, place.account.gid);
    const code = await runTool(
      binaries.initdb,
      [
        '--pgdata',
        draft,
        `--username=${role}`,
        `--pwfile=${password}`,
        '--auth=scram-sha-256',
        '--encoding=UTF8',
        '--locale=C',
        '--locale-provider=builtin',
        '--builtin-locale=C.UTF-8',
        '--no-instructions',
      ],
      { account: place.account, log: place.log, env },
      limits,
    );
    if (code !== 0)
      throw failed(
        code === null ? 'initdb was ended before it was done.' : `initdb failed with exit code ${code}.`,
        await textSince(place.log, from),
      );
    await rename(draft, place.cluster);
    const folder = await open(parent, 'r');
    await folder.sync();
    await folder.close();
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw error;
  } finally {
    await rm(password, { force: true });
  }
}

/**
 * Gives the role a new password without knowing the old one: in single-user mode, so only while no server runs.
 *
 * @throws SluiceError `embedded_postgres_failed` (config)
 */
export async function resetPassword(
  place: Place,
  binaries: Binaries,
  env: NodeJS.ProcessEnv,
  limits: RunLimits,
): Promise<string> {
  await disownPidFile(place.cluster);
  const from = await sizeOf(place.log);
  const password = await makePassword(place);
  const code = await runTool(
    binaries.postgres,
    ['--single', '-D', place.cluster, '-c', 'log_min_error_statement=panic', 'postgres'],
    { account: place.account, log: place.log, env },
    limits,
    `alter role ${role} password '${password}'\n`,
  );
  const said = await textSince(place.log, from);
  if (code !== 0 || /ERROR|FATAL/.test(said)) throw failed('The password could not be set anew.', said);
  return password;
}
