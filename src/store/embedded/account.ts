/**
 * Postgres refuses to run as root. When Sluice does, the server and its tools run as an unprivileged account, which
 * must be able to reach its data. This file picks the account and tells what it can reach.
 */
import { readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { SluiceError } from '../../errors.ts';

export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** First the account made for Postgres, where one is installed; `nobody` exists everywhere. */
const candidates = ['postgres', '_postgres', 'nobody'];

/**
 * The account for a server started by root: the owner of the data that are there already, else the owner of the
 * data folder when that is an ordinary user, else `postgres` or `nobody`. Only accounts in /etc/passwd count, since
 * initdb wants a name for its user id.
 *
 * @throws SluiceError `embedded_postgres_unavailable` where there is none.
 */
export async function chooseAccount(dataFolder: string, cluster: string): Promise<Account> {
  const accounts = (await readFile('/etc/passwd', 'utf8').catch(() => ''))
    .split('\n')
    .map((line) => line.split(':'))
    .filter((fields) => fields.length >= 4 && /^-?\d+$/.test(fields[2] ?? ''))
    // macOS writes -2 for nobody
    .map(([name = '', , uid, gid]): Account => ({ name, uid: Number(uid) >>> 0, gid: Number(gid) >>> 0 }))
    .filter((account) => account.uid !== 0);
  for (const path of [cluster, dataFolder]) {
    const owner = await stat(path).then(
      (found) => found.uid,
      () => 0,
    );
    const known = accounts.find((account) => account.uid === owner);
    if (known !== undefined) return known;
  }
  for (const name of candidates) {
    const known = accounts.find((account) => account.name === name);
    if (known !== undefined) return known;
  }
  throw new SluiceError(
    'embedded_postgres_unavailable',
    'Postgres does not run as root, and this system has no account `postgres` or `nobody` to run it as.',
    { advice: 'Run Sluice as an ordinary user, or set DATABASE_URL to a Postgres of your own.' },
  );
}

/** The first folder on the way to `path` (a real path) through which the account may not pass; null where it may. */
export async function closedFolder(path: string, account: Account): Promise<string | null> {
  const folders = [];
  for (let folder = path; ; folder = dirname(folder)) {
    folders.unshift(folder);
    if (folder === dirname(folder)) break;
  }
  for (const folder of folders) {
    const { mode, uid, gid } = await stat(folder);
    const bit = uid === account.uid ? 0o100 : gid === account.gid ? 0o010 : 0o001;
    if ((mode & bit) === 0) return folder;
  }
  return null;
}
