/** Small file helpers of the embedded server: private files, the data folder itself, the end of a log. */
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { SluiceError } from '../../errors.ts';

/**
 * Makes the data folder where it is missing and returns its real path. An ordinary user's is 0700. One made by root
 * is 0711: the server runs as another account, which must be able to pass through, though not to list; the files
 * inside are private each for itself. The mode of a folder that is already there is left alone.
 */
export async function makeDataFolder(path: string): Promise<string> {
  await mkdir(dirname(resolve(path)), { recursive: true });
  await makeFolder(path, process.getuid?.() === 0 ? 0o711 : 0o700);
  return await realpath(path);
}

/** Makes one folder with exactly this mode, whatever the umask; leaves one that is there as it is. */
export async function makeFolder(path: string, mode: number): Promise<void> {
  try {
    await mkdir(path, { mode });
    await chmod(path, mode);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

/** Writes a file of mode 0600 so that a reader sees the old content or the new, and a power loss leaves one of them. */
export async function writePrivate(path: string, text: string): Promise<void> {
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  const file = await open(draft, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}

export async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}

export async function sizeOf(path: string): Promise<number> {
  return await stat(path).then(
    (found) => found.size,
    () => 0,
  );
}

/** What was appended to a log since it had `from` bytes, at most its last 16 KiB; empty where it can't be read. */
export async function textSince(path: string, from: number): Promise<string> {
  try {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      const start = Math.max(from, size - 16_384);
      const { bytesRead, buffer } = await file.read(Buffer.alloc(Math.max(0, size - start)), 0, null, start);
      return buffer.toString('utf8', 0, bytesRead);
    } finally {
      await file.close();
    }
  } catch {
    return '';
  }
}

/** The last lines of a text, indented, to stand below a message; empty where there are none. */
export function lastLines(text: string, count = 12): string {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return lines.length === 0 ? '' : `\n  ${lines.slice(-count).join('\n  ')}`;
}

/** Turns a file system error into one that a user can act on; anything else is returned as it is. */
export function fileTrouble(error: unknown, folder: string): unknown {
  if (
    error instanceof SluiceError ||
    !(error instanceof Error) ||
    !('syscall' in error) ||
    !('code' in error)
  )
    return error;
  return new SluiceError(
    'data_folder_unusable',
    `The data folder ${folder} can't be used: ${error.message}.`,
    {
      cause: error,
      details: { errno: error.code },
    },
  );
}
