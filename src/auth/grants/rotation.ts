/** Stores what a refresh brought, whatever happens to the lock under which it was made. */
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { SluiceError } from '../../errors.ts';
import type { Db } from '../../store/db.ts';
import { findGrant, storeRefresh, type RefreshResult } from '../../store/grants.ts';
import { ANSWER_MS, inTime } from './row-lock.ts';

const PAUSE_MS = 250;

export interface RotationStoreOptions {
  readonly writes: Db;
  /** milliseconds for which storing is tried before the caller hears of it */
  readonly patienceMs: number;
  readonly logger?: {
    warn(details: object, message: string): void;
    error(details: object, message: string): void;
  };
}

export interface RotationStore {
  /**
   * Commits on the lock's connection; by version compare on another one where that has died. False where another
   * refresh or consent came first.
   *
   * @throws SluiceError `refresh_unsaved` (transient) where the database takes it from nobody
   */
  store(lock: pg.PoolClient, result: RefreshResult): Promise<boolean>;
  /** Stores what could not be stored before; throws what the database says. */
  flush(connectionId: string): Promise<void>;
  /** The same for all, where the database answers. */
  close(): Promise<void>;
}

export function createRotationStore(options: RotationStoreOptions): RotationStore {
  const { writes, patienceMs } = options;
  /** rotated tokens that no database would take, by connection; gone with the process */
  const unsaved = new Map<string, RefreshResult>();

  async function viaLock(lock: pg.PoolClient, result: RefreshResult): Promise<boolean> {
    try {
      // a connection that is cut off without a sign would keep this waiting for ever
      return await inTime(ANSWER_MS, async () => {
        const stored = await storeRefresh(lock, result);
        await lock.query('commit');
        return stored;
      });
    } catch (error) {
      options.logger?.warn(
        { connectionId: result.connectionId, err: error },
        'the lock of a refresh was lost; its result is stored by another connection',
      );
    }
    const end = performance.now() + patienceMs;
    for (;;) {
      try {
        return await storeAlone(result);
      } catch (error) {
        if (performance.now() < end) {
          await sleep(PAUSE_MS);
          continue;
        }
        unsaved.set(result.connectionId, result);
        options.logger?.error(
          { connectionId: result.connectionId, err: error },
          'a rotated refresh token could not be stored; this process keeps it and goes on trying',
        );
        throw new SluiceError(
          'refresh_unsaved',
          `The refresh token of ${result.connectionId} was rotated, and the database did not take the new one.`,
          { cause: error },
        );
      }
    }
  }

  /** By version compare. A commit whose acknowledgement was lost is found by what stands there. */
  async function storeAlone(result: RefreshResult): Promise<boolean> {
    return writes.tx(async (client) => {
      await client.query(`set local lock_timeout = ${ANSWER_MS}`);
      if (await storeRefresh(client, result)) return true;
      const row = await findGrant(client, result.connectionId);
      return (
        row !== undefined &&
        row.epoch === result.epoch &&
        row.version === String(Number(result.version) + 1) &&
        row.refresh_token !== null &&
        result.refreshToken === row.refresh_token
      );
    });
  }

  async function flush(connectionId: string): Promise<void> {
    const result = unsaved.get(connectionId);
    if (result === undefined) return;
    await storeAlone(result);
    unsaved.delete(connectionId);
  }

  return {
    store: viaLock,
    flush,
    async close() {
      for (const connectionId of unsaved.keys()) await flush(connectionId).catch(() => undefined);
    },
  };
}
