/**
 * Where the files of one data folder's server are. The control folder `DATA/postgres` holds what Sluice itself
 * reads and writes: server.json, the password, the log, the lock. The cluster (Postgres' own data) is beside them
 * in `DATA/postgres/data`, unless Sluice runs as root and the server's account can't reach that: then it is under
 * /var/lib/sluice, in a folder that `DATA/postgres/elsewhere` names.
 */
import { createHash, randomBytes } from 'node:crypto';
import { lstat, readdir, readFile, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SluiceError } from '../../errors.ts';
import { chooseAccount, closedFolder, type Account } from './account.ts';
import { exists, makeDataFolder, makeFolder, writePrivate } from './files.ts';
import { stopLeftover } from './postmaster.ts';

export interface Place {
  /** `DATA/postgres` */
  readonly control: string;
  /** Postgres' data directory; may not exist yet */
  readonly cluster: string;
  readonly log: string;
  /** the folder for copies of the binaries when they can't be used where they are; made when asked for */
  readonly copies: () => Promise<string>;
  /** set when Sluice runs as root: whom the server runs as */
  readonly account: Account | undefined;
  /** the user id that the server runs as */
  readonly uid: number;
}

export interface PlaceOptions {
  /** for root: folders to try when the account can't reach the data folder */
  readonly rootFolders: readonly string[];
  readonly onProgress: (step: string) => void;
}

/** The control folder of a data folder, made where it is missing. */
export async function makeControlFolder(dataDir: string): Promise<string> {
  const control = join(await makeDataFolder(dataDir), 'postgres');
  await makeFolder(control, process.getuid?.() === 0 ? 0o711 : 0o700);
  return control;
}

/**
 * Finds or decides where the cluster is. Call it under the lock of the control folder.
 *
 * @throws SluiceError `data_folder_unusable` where the data are, or must be, out of the server's reach.
 */
export async function findPlace(control: string, options: PlaceOptions): Promise<Place> {
  const inside = join(control, 'data');
  const log = join(control, 'server.log');
  const me = process.getuid?.() ?? -1;
  if (me !== 0) {
    const owner = await stat(inside).then(
      (found) => found.uid,
      () => me,
    );
    if (owner !== me)
      throw new SluiceError(
        'data_folder_unusable',
        `The database in ${inside} belongs to another account (user id ${owner}, this is ${me}).`,
      );
    return { control, cluster: inside, log, copies: async () => control, account: undefined, uid: me };
  }

  const elsewhere = await findElsewhere(control, options.rootFolders);
  const account = await chooseAccount(
    dirname(control),
    elsewhere === undefined ? inside : join(elsewhere, 'data'),
  );
  const closed = await closedFolder(control, account);
  const placed = (cluster: string): Place => ({
    control,
    cluster,
    log,
    copies: async () => await base(options, account),
    account,
    uid: account.uid,
  });
  if (await exists(join(inside, 'PG_VERSION'))) {
    if (closed === null) return placed(inside);
    throw new SluiceError(
      'data_folder_unusable',
      `The database in ${inside} runs as \`${account.name}\`, which may not pass through ${closed} any more.`,
      { advice: `Allow it again (chmod o+x ${closed}), or move the data folder to where it can.` },
    );
  }
  if (elsewhere !== undefined) return placed(join(elsewhere, 'data'));
  if (closed === null) return placed(inside);
  const home = await makeElsewhere(control, await base(options, account), account, options);
  return placed(join(home, 'data'));
}

/** A folder for root's use that no one else can write to and the account can reach. */
async function base(options: PlaceOptions, account: Account): Promise<string> {
  const refused: string[] = [];
  for (const folder of options.rootFolders) {
    try {
      // not recursive: a parent that is missing or replaced by a link is none that the system made
      await makeFolder(folder, 0o755);
      const found = await lstat(folder);
      if (!found.isDirectory() || found.uid !== 0 || (found.mode & 0o022) !== 0)
        refused.push(`${folder} is not a folder that only root can write to`);
      else {
        const closed = await closedFolder(folder, account);
        if (closed === null) return folder;
        refused.push(`\`${account.name}\` may not pass through ${closed}`);
      }
    } catch (error) {
      refused.push(error instanceof Error ? error.message : String(error));
    }
  }
  throw new SluiceError(
    'data_folder_unusable',
    `As root, Sluice runs Postgres as \`${account.name}\` and found no folder that this account can reach: ${refused.join('; ')}.`,
    { advice: 'Run Sluice as an ordinary user, or set DATABASE_URL.' },
  );
}

/** The folder that `elsewhere` names, if it is this data folder's own and not that of one it was copied from. */
async function findElsewhere(control: string, bases: readonly string[]): Promise<string | undefined> {
  const home = await readFile(join(control, 'elsewhere'), 'utf8').catch(() => undefined);
  if (home === undefined) return undefined;
  if (!bases.includes(dirname(home)) || !(await exists(home)))
    throw new SluiceError(
      'data_folder_unusable',
      `The database of this data folder was kept in ${home}, which is not there any more.`,
      { advice: `Put it back, or delete ${join(control, 'elsewhere')} to begin with an empty database.` },
    );
  const owner = await readFile(join(home, 'belongs-to'), 'utf8').catch(() => '');
  if (owner === control) return home;
  const stillThere = await readFile(join(owner, 'elsewhere'), 'utf8').catch(() => undefined);
  if (stillThere === home) return undefined;
  // the data folder was moved: the data stay with it
  await writePrivate(join(home, 'belongs-to'), control);
  return home;
}

/**
 * Makes the folder for a cluster outside its data folder. Its name starts with a hash of the data folder's path, but
 * ends at random: when a data folder was deleted, its keys are gone, and the next one at the same path must not meet
 * the old database. That one is stopped and named, never removed: nothing here can tell a data folder that was
 * deleted from one that was moved and not opened since.
 */
async function makeElsewhere(
  control: string,
  base: string,
  account: Account,
  options: PlaceOptions,
): Promise<string> {
  for (const name of await readdir(base)) {
    const old = join(base, name);
    if ((await readFile(join(old, 'belongs-to'), 'utf8').catch(() => '')) !== control) continue;
    await stopLeftover(join(old, 'data'), account.uid);
    options.onProgress(
      `the database of a former data folder at this path is still in ${old}; remove it if nobody needs it`,
    );
  }

  const prefix = createHash('sha256').update(dirname(control)).digest('hex').slice(0, 16);
  const home = join(base, `${prefix}-${randomBytes(4).toString('hex')}`);
  await makeFolder(home, 0o711);
  try {
    await writePrivate(join(home, 'belongs-to'), control);
    await writePrivate(join(control, 'elsewhere'), home);
  } catch (error) {
    await rm(join(home, 'belongs-to'), { force: true });
    await rmdir(home);
    throw error;
  }
  options.onProgress(`\`${account.name}\` can't reach ${control}: the database is kept in ${home}`);
  return home;
}
