/** One long-running command at a time on a data folder: `start` and `demo` hold this lock while they live. */
import { join } from 'node:path';
import { SluiceError } from '../../errors.ts';
import { makeDataFolder, fileTrouble } from './files.ts';
import { tryLock, type FileLock } from './lock.ts';

/**
 * Takes the exclusive lock `name` of a data folder, which is made where it is missing. Commands that must not run
 * beside each other use the same name. The lock ends with `release()` or with the process, however that dies.
 * `info` says what holds it, in words for the message to the second one: `sluice start`.
 *
 * @throws SluiceError `folder_in_use` (config) naming the first process' pid (also in `details.pid`);
 *   `data_folder_unusable` (config) where the folder can't be written.
 */
export async function acquireFolderLock(dataDir: string, name: string, info: string): Promise<FileLock> {
  let got;
  try {
    got = await tryLock(join(await makeDataFolder(dataDir), 'locks'), name, info);
  } catch (error) {
    throw fileTrouble(error, dataDir);
  }
  if ('release' in got) return got;
  throw new SluiceError(
    'folder_in_use',
    `The data folder ${dataDir} is in use by \`${got.purpose}\`, pid ${got.pid}, since ${got.since}.`,
    { details: { pid: got.pid, since: got.since, purpose: got.purpose } },
  );
}
