/** What the rest of Sluice uses of the embedded Postgres and of the data folder's lock. */
export { openEmbedded } from './server.ts';
export { acquireFolderLock } from './folder-lock.ts';
