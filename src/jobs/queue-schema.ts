/** Whether the queue's own schema is on the database, for whoever looks before anything is started. */
import { assertSchemaCompatibility } from 'bullmq';
import type pg from 'pg';
import { SluiceError } from '../errors.ts';

const SCHEMA = 'bullmq';

/** Reads, and changes nothing. @throws SluiceError `schema_outdated` (config) where `sluice migrate` is missing */
export async function assertQueueSchema(pool: pg.Pool): Promise<void> {
  try {
    await assertSchemaCompatibility(pool, SCHEMA, { skipVersionCheck: true });
  } catch (error) {
    // an error of the server is no word on the schema
    if (error instanceof Error && !error.message.startsWith('BullMQ')) throw error;
    throw new SluiceError('schema_outdated', "The database lacks the queue's schema of this version.", {
      cause: error,
    });
  }
}
