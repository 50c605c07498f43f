/** server.json: what a process must know to use the server that another one started. */
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writePrivate } from './files.ts';

const shape = z.object({
  host: z.literal('127.0.0.1'),
  port: z.number().int().min(1).max(65_535),
  pid: z.number().int().positive(),
  /** pid and start time of the server's process as one text */
  identity: z.string(),
  password: z.string().min(1),
  serverVersion: z.string(),
  startedAt: z.string(),
});

export type ServerRecord = z.infer<typeof shape>;

const pathOf = (control: string): string => join(control, 'server.json');

/** Null where the file is missing or unreadable: the truth is then found through postmaster.pid. */
export async function readRecord(control: string): Promise<ServerRecord | null> {
  try {
    return shape.parse(JSON.parse(await readFile(pathOf(control), 'utf8')));
  } catch {
    return null;
  }
}

/** Writes it with mode 0600, since it holds the password. */
export async function writeRecord(control: string, record: ServerRecord): Promise<void> {
  await writePrivate(pathOf(control), `${JSON.stringify(record, null, 2)}\n`);
}

export async function removeRecord(control: string): Promise<void> {
  await rm(pathOf(control), { force: true });
}
