/** Looks into the backend behind the product's back, and breaks it, in the same words for Postgres and Redis. */
import { Redis } from 'ioredis';
import type { TestRedis } from './backend.ts';
import type { TestDatabase } from './database.ts';

export interface BackendInsight {
  readonly queue: QueueInsight;
  readonly tokens: TokenInsight;
  close(): void;
}

export interface QueueInsight {
  /** Makes the server forget all jobs of these queues. */
  lose(...queues: readonly string[]): Promise<void>;
  /** How many jobs of a queue wait for their children. */
  waitingForChildren(queue: string): Promise<number>;
}

export interface TokenInsight {
  /** How many tokens the shared cache holds, all or those of one flow. */
  count(flow?: string): Promise<number>;
  /** Takes back what tests before have taught the fleet about token endpoints. */
  forgetFailures(): Promise<void>;
}

export function openInsight(database: TestDatabase, redis: TestRedis | undefined): BackendInsight {
  return redis === undefined ? onPostgres(database) : onRedis(redis);
}

function onPostgres(database: TestDatabase): BackendInsight {
  const { pool } = database.db;
  const counted = async (statement: string, values: unknown[]): Promise<number> =>
    (await pool.query<{ count: number }>(statement, values)).rows[0]?.count ?? 0;
  return {
    queue: {
      async lose(...queues) {
        const attempt = () => pool.query('delete from bullmq.job where queue = any($1)', [queues]);
        // a worker that moves a job and its parent at this moment takes their locks in another order
        await attempt().catch((error: unknown) => {
          if (!isDeadlock(error)) throw error;
          return attempt();
        });
      },
      waitingForChildren: (queue) =>
        counted(
          `select count(*)::int as count from bullmq.job where queue = $1 and state = 'waiting-children'`,
          [queue],
        ),
    },
    tokens: {
      count: (flow) =>
        counted('select count(*)::int as count from sluice.tokens where $1::text is null or flow = $1', [
          flow ?? null,
        ]),
      async forgetFailures() {
        await pool.query('truncate sluice.token_failures');
      },
    },
    close() {},
  };
}

function isDeadlock(error: unknown): boolean {
  return (error as { code?: unknown }).code === '40P01';
}

function onRedis({ url, prefix }: TestRedis): BackendInsight {
  const client = new Redis(url, { lazyConnect: true });
  client.on('error', () => undefined);
  const remove = async (pattern: string): Promise<void> => {
    const keys = await client.keys(`${prefix}:${pattern}`);
    if (keys.length > 0) await client.del(keys);
  };
  return {
    queue: {
      async lose(...queues) {
        for (const queue of queues) await remove(`${queue}:*`);
      },
      waitingForChildren: (queue) => client.zcard(`${prefix}:${queue}:waiting-children`),
    },
    tokens: {
      async count(flow) {
        const keys = await client.keys(`${prefix}:token:entry:*`);
        const values = keys.length === 0 ? [] : await client.mget(keys);
        const flows = values.map((value) => (JSON.parse(value ?? '{}') as { flow?: string | null }).flow);
        return flows.filter((one) => flow === undefined || one === flow).length;
      },
      async forgetFailures() {
        await remove('token:failure:*');
        await remove('token:cooldown:*');
      },
    },
    close: () => client.disconnect(),
  };
}
