/** Redis, where the queues live on one: whether it answers, is new enough, and keeps what it is given. */
import {
  closeRedis,
  connectRedis,
  redisFacts,
  untilReady,
  withoutCommand,
  type RedisFacts,
  type RedisSettings,
} from '../../store/redis.ts';
import { ill, well, type Finding } from './finding.ts';

const ANSWER_MS = 5_000;

export async function checkRedis(settings: RedisSettings): Promise<Finding> {
  const client = connectRedis(settings, {
    name: 'sluice doctor',
    commandTimeoutMs: ANSWER_MS,
    // told by the one who waits below
    onError: () => undefined,
  });
  try {
    await untilReady(client, ANSWER_MS);
    return judgeRedis(await redisFacts(client));
  } catch (error) {
    const cause = error instanceof Error ? withoutCommand(error) : new Error(String(error));
    const reason = (cause as { code?: string }).code ?? cause.message;
    return ill(
      'queue',
      `Redis can't be reached: ${reason}.`,
      'Check that Redis runs and that REDIS_URL names its host, port, password and database.',
    );
  } finally {
    await closeRedis(client);
  }
}

/** Redis 6.2 or newer; every Valkey is. */
export function judgeRedis({ version, evictionPolicy }: RedisFacts): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major < 6 || (major === 6 && minor < 2))
    return ill('queue', `Redis ${version} is too old.`, 'Move to Redis 6.2 or newer, or to Valkey.');
  if (evictionPolicy !== undefined && evictionPolicy !== 'noeviction') {
    return ill(
      'queue',
      `Redis may drop queued jobs when its memory is full: its maxmemory-policy is ${evictionPolicy}.`,
      'Set `maxmemory-policy noeviction` in the configuration of Redis.',
    );
  }
  return well('queue', `Redis ${version} answers.`);
}
