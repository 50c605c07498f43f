/** A Postgres server of the test's own, to be hurt: unreachable, frozen, read-only, without room, or killed. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { migrateAll } from '../../src/migration.ts';
import { openDb } from '../../src/store/db.ts';
import { openEmbedded } from '../../src/store/embedded/index.ts';
import type { TestDatabase } from './database.ts';
import { startProxy } from './proxy.ts';

export interface OwnPostgres {
  /** its URL leads through a proxy that can be cut; its pool goes straight to the server */
  readonly database: TestDatabase;
  /** ends every connection and refuses new ones */
  cut(): Promise<void>;
  restore(): Promise<void>;
  /** all of its processes stop working, and their sockets stay open */
  freeze(): Promise<void>;
  thaw(): void;
  /** new transactions of every session can't write */
  setReadOnly(on: boolean): Promise<void>;
  /** ends it as its operator would in a hurry; it comes back by itself, on its port */
  end(): void;
}

export async function startOwnPostgres(): Promise<OwnPostgres> {
  const dataDir = mkdtempSync(join(tmpdir(), 'sluice-own-'));
  // for root: the server's own account must reach its data
  chmodSync(dataDir, 0o755);
  const server = await openEmbedded({ dataDir });
  await migrateAll(server.url);
  const direct = new URL(server.url);
  const proxy = await startProxy({ host: direct.hostname, port: Number(direct.port) });
  const through = new URL(server.url);
  through.port = String(proxy.port);
  const db = openDb({ url: server.url, max: 4, applicationName: 'own postgres' });
  let frozen: number[] = [];
  const thaw = (): void => {
    for (const pid of frozen.splice(0).reverse()) process.kill(pid, 'SIGCONT');
  };
  return {
    database: {
      url: through.href,
      db,
      async drop() {
        thaw();
        await db.close();
        await proxy.close();
        await server.close();
        rmSync(dataDir, { recursive: true, force: true });
      },
    },
    cut: () => proxy.cut(),
    restore: () => proxy.restore(),
    async freeze() {
      // The server's first process too: it would go on making new ones.
      const { rows } = await db.pool.query<{ pid: number }>('select pid from pg_stat_activity');
      frozen = [server.pid, ...rows.map(({ pid }) => pid)];
      for (const pid of frozen) process.kill(pid, 'SIGSTOP');
    },
    thaw,
    async setReadOnly(on) {
      const client = new pg.Client({ connectionString: server.url });
      await client.connect();
      await client.query('set default_transaction_read_only = off');
      await client.query(`alter system ${on ? 'set default_transaction_read_only = on' : 'reset all'}`);
      await client.query('select pg_reload_conf()');
      await client.end();
    },
    end: () => void process.kill(server.pid, 'SIGQUIT'),
  };
}
