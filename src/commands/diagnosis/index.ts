/**
 * All that `sluice doctor` looks at, from the ground up: what stands on something that is missing isn't looked at.
 * Builds its own parts, since a runtime would refuse to open over the first thing that is wrong.
 */
import { randomBytes } from 'node:crypto';
import { createKeyring } from '../../auth/keyring.ts';
import { createVault } from '../../auth/vault.ts';
import { ensureEmbeddedSecrets, type Environment } from '../../config/index.ts';
import { migrateAll } from '../../migration.ts';
import { createGuardedFetch } from '../../net/fetch.ts';
import type { ProviderDefinition } from '../../providers/contract.ts';
import { openDb, type Db } from '../../store/db.ts';
import { openEmbedded } from '../../store/embedded/index.ts';
import { redisFingerprint } from '../../store/redis.ts';
import { createLoadConnection } from '../../sync/load-connection.ts';
import { announceSecrets } from '../session.ts';
import { checkEndpoints, checkKeys, checkWebhooks } from './connections.ts';
import { checkClock, checkQueueSchema, checkSchema, judgeVersion, serverVersion } from './database.ts';
import { illBy, type Finding } from './finding.ts';
import { checkBackend, checkSchedules, checkWorkers } from './fleet.ts';
import { checkDataFolder, checkDisk } from './folder.ts';
import { checkRedis } from './redis.ts';

export type { Finding } from './finding.ts';

export interface DiagnosisOptions {
  readonly now: () => number;
  readonly findProvider: (id: string) => ProviderDefinition | undefined;
}

type Open = (close: () => Promise<void>) => void;

export async function diagnose(environment: Environment, options: DiagnosisOptions): Promise<Finding[]> {
  const findings: Finding[] = [];
  const opened: (() => Promise<void>)[] = [];
  const open: Open = (close) => void opened.push(close);
  try {
    if (environment.mode === 'embedded') {
      const folder = checkDataFolder(environment.dataDir);
      findings.push(folder);
      if (folder.ok) findings.push(await checkDisk(environment.dataDir));
    }
    if (environment.redisUrl !== undefined)
      findings.push(await checkRedis({ url: environment.redisUrl, prefix: environment.queuePrefix }));
    if (findings.some(({ name, ok }) => name === 'data_folder' && !ok)) return findings;
    const url = await databaseUrl(environment, open).catch((error: unknown) => illBy('database', error));
    if (typeof url === 'string') findings.push(...(await onDatabase(environment, options, url, open)));
    else findings.push(url);
    return findings;
  } finally {
    for (const close of opened.reverse()) await close();
  }
}

/** The embedded server is started as any command does; it belongs to this version alone, so it is migrated too. */
async function databaseUrl(environment: Environment, open: Open): Promise<string> {
  if (environment.databaseUrl !== undefined) return environment.databaseUrl;
  const server = await openEmbedded({ dataDir: environment.dataDir, onTrouble: () => undefined });
  open(() => server.close());
  await migrateAll(server.url);
  return server.url;
}

function connect(url: string, open: Open): Db {
  const db = openDb({ url, max: 2, applicationName: 'sluice doctor' });
  open(() => db.close());
  return db;
}

async function onDatabase(
  environment: Environment,
  options: DiagnosisOptions,
  url: string,
  open: Open,
): Promise<Finding[]> {
  const db = connect(url, open);
  const found: Finding[] = [];
  try {
    found.push(judgeVersion(await serverVersion(db)));
  } catch (error) {
    return [illBy('database', error)];
  }
  const guarded = (name: string, check: Promise<Finding>): Promise<Finding> =>
    check.catch((error: unknown) => illBy(name, error));
  found.push(await guarded('clock', checkClock(db, options.now)));
  if (environment.redisUrl === undefined) {
    const queueUrl = environment.queueDatabaseUrl ?? url;
    found.push(await guarded('queue', checkQueueSchema(queueUrl === url ? db : connect(queueUrl, open))));
  }
  const schema = await checkSchema(db);
  found.push(schema);
  // the rest reads our tables
  if (!schema.ok) return found;
  const backend =
    environment.redisUrl === undefined
      ? 'postgres'
      : redisFingerprint({ url: environment.redisUrl, prefix: environment.queuePrefix });
  found.push(
    await guarded('fleet', checkBackend(db, backend)),
    await guarded('workers', checkWorkers(db)),
    await guarded('schedules', checkSchedules(db)),
    ...(await onConnections(environment, options, db, open).catch((error: unknown) => [
      illBy('connections', error),
    ])),
  );
  return found;
}

async function onConnections(
  environment: Environment,
  { findProvider }: DiagnosisOptions,
  db: Db,
  open: Open,
): Promise<Finding[]> {
  const secrets =
    environment.mode === 'embedded'
      ? await ensureEmbeddedSecrets(environment.dataDir, { random: randomBytes, given: environment })
      : undefined;
  announceSecrets(secrets);
  const vault = createVault(createKeyring(secrets?.encryptionKeys ?? environment.encryptionKeys));
  const net = createGuardedFetch({
    allowLoopback: environment.allowLoopback,
    allowHosts: environment.allowHosts,
  });
  open(() => net.close());
  const load = createLoadConnection({ db, vault, findProvider });
  return [
    await checkKeys(db, vault),
    ...(await checkWebhooks(db)),
    ...(await checkEndpoints(db, load, net.fetch)),
  ];
}
