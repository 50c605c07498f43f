/** The data folder: whether it can be used, and whether there is room left. */
import { accessSync, constants, statSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ill, well, type Finding } from './finding.ts';

const GIB = 1024 ** 3;

/** The folder, or the nearest one above it that is there. */
function existing(path: string): string {
  for (let at = path; ; at = dirname(at)) {
    if (statSync(at, { throwIfNoEntry: false }) !== undefined || dirname(at) === at) return at;
  }
}

export function checkDataFolder(dataDir: string): Finding {
  const fix = 'Run as the account that owns the folder, or name another one in SLUICE_DATA_DIR.';
  try {
    const place = existing(dataDir);
    if (!statSync(place).isDirectory())
      return ill('data_folder', `${place} is no folder.`, 'Name a folder in SLUICE_DATA_DIR.');
    accessSync(place, constants.W_OK | constants.X_OK);
    return well('data_folder', place === dataDir ? dataDir : `${dataDir}, which is made at the first start`);
  } catch (error) {
    const reason = (error as { code?: string }).code ?? String(error);
    // a file stands where a folder is meant
    if (reason === 'ENOTDIR')
      return ill('data_folder', `${dataDir} lies within a file.`, 'Name a folder in SLUICE_DATA_DIR.');
    return ill('data_folder', `${dataDir} can't be written to (${reason}).`, fix);
  }
}

/** Bytes that this account may still write beside a path. */
export async function freeBytes(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(existing(path));
  return bavail * bsize;
}

export async function checkDisk(dataDir: string, free = freeBytes): Promise<Finding> {
  const bytes = await free(dataDir);
  const size = `${(bytes / GIB).toFixed(1)} GiB free for ${dataDir}`;
  if (bytes >= GIB) return well('disk', `${size}.`);
  return ill(
    'disk',
    `Only ${size}.`,
    'Free at least 1 GiB there, or move the folder and name its new place in SLUICE_DATA_DIR.',
  );
}
