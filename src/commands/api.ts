/** What `/v1` does, as functions of a process: the same engine calls that the commands make. */
import { checkEndpoint } from '../net/hosts.ts';
import {
  configError,
  connectionBody,
  hasErrors,
  parseConnection,
  type ConnectionInput,
} from '../config/index.ts';
import { reportOf, SluiceError } from '../errors.ts';
import { findProvider, providers } from '../providers/registry.ts';
import { validateConnectionBody } from '../providers/validate.ts';
import type { Runtime } from '../runtime.ts';
import { findConnection, type ConnectionRow } from '../store/connections.ts';
import { once } from '../store/idempotency.ts';
import { cancelRun } from '../sync/cancel.ts';
import { createChangeWatch, type ChangeWatch } from '../sync/change-watch.ts';
import { checkConnection } from '../sync/check.ts';
import { connectionPage, connectionView } from '../sync/connection-view.ts';
import { listRuns, runPlace, runView, type RunView } from '../sync/history.ts';
import { readableStreams } from '../sync/known-streams.ts';
import { mappingsOf, setMappings } from '../sync/mappings.ts';
import { pauseConnection, resumeConnection } from '../sync/pause.ts';
import { assertManagedHere, keptCredentials, putConnection } from '../sync/put-connection.ts';
import { readChanges, type ChangePage } from '../sync/read-changes.ts';
import { recordPage } from '../sync/record-page.ts';
import { removeConnectionFully } from '../sync/remove.ts';
import { resetStreams } from '../sync/reset.ts';
import { timelineView } from '../sync/timeline.ts';
import type { StreamKey } from '../sync/writer.ts';
import { registerWebhooks } from '../webhooks/register.ts';
import type { Api, ApiDeps, ChangesRequest, ConnectionDetail, SyncRequest } from '../web/api/contract.ts';
import { inboxApi } from './api-inbox.ts';
import { noSuch } from './api-missing.ts';
import { actingAs } from './audited-api.ts';
import { describeProvider } from './providers.ts';
import { isPlace, isText, readCursor, writeCursor } from './page-cursor.ts';
import { storedSchedule } from './schedule-lookup.ts';

/** As commands that nobody waits for. */
const PRIORITY = 5;

/** `watch` is closed by whoever stops the process, so that nobody waits for it. */
export function apiOf(runtime: Runtime, publicUrl: string, watch: ChangeWatch = watchChanges(runtime)): Api {
  const { db } = runtime;
  const api: ApiDeps = {
    providers: () => providers.map(describeProvider),
    provider(name) {
      const provider = findProvider(name);
      if (provider !== undefined) return describeProvider(provider);
      throw noSuch(
        'provider',
        name,
        providers.map(({ id }) => id),
        '/v1/providers',
      );
    },

    async connections({ cursor, limit }) {
      const after = readCursor(cursor, isText);
      const { connections, more } = await connectionPage(db, storedSchedule, { after, limit });
      return { data: connections, next: more ? writeCursor(connections.at(-1)?.id) : null };
    },
    connection: (id) => detail(runtime, id),
    async putConnection(id, body) {
      const input = await validated(runtime, id, body);
      const { vault } = runtime;
      const created = await putConnection({ db, vault, findProvider }, input, new Date(runtime.now()));
      return { created, connection: await detail(runtime, id) };
    },
    async removeConnection(id, purge) {
      assertManagedHere(await knownRow(runtime, id));
      const removed = await removeConnectionFully(db, id, { purge });
      if (removed === undefined) throw noSuch('connection', id, [], '/v1/connections');
      // at once where it can be; what fails is queued, and workers go on trying
      await runtime.sayGoodbye();
      return { id, purge, records: removed.records };
    },

    sync: (id, request) => sync(runtime, id, request),
    async pause(id) {
      await knownRow(runtime, id);
      await pauseConnection(db, id);
      return detail(runtime, id);
    },
    async resume(id) {
      await knownRow(runtime, id);
      await resumeConnection(db, id, storedSchedule, new Date(runtime.now()));
      return detail(runtime, id);
    },
    async reset(id, given) {
      const row = await knownRow(runtime, id);
      const known = await readableStreams(db, row, findProvider);
      for (const name of given ?? []) assertStream(row, name, known);
      const streams = given ?? known;
      await resetStreams(db, id, streams);
      return { connection: await detail(runtime, id), streams };
    },
    async check(id) {
      await knownRow(runtime, id);
      const { steps, cleared, error } = await checkConnection(runtime, id);
      return {
        connection: id,
        ok: error === undefined,
        steps,
        cleared,
        error: error === undefined ? null : reportOf(error),
      };
    },

    async runs({ cursor, limit, connection, status }) {
      const before = readCursor(cursor, isPlace);
      const found = await listRuns(db, {
        ...(connection === undefined ? {} : { connection }),
        ...(status === undefined ? {} : { status }),
        ...(before === undefined ? {} : { before }),
        limit: limit + 1,
      });
      const data = found.slice(0, limit);
      const last = data.at(-1);
      const place = found.length > limit && last !== undefined ? await runPlace(db, last.id) : undefined;
      return { data, next: place === undefined ? null : writeCursor(place) };
    },
    run: async (id) => ({ ...(await knownRun(runtime, id)), ...(await timelineView(db, id)) }),
    async cancel(id) {
      const cancelled = await cancelRun(runtime, id);
      if (cancelled === undefined) throw noSuch('run', id, [], '/v1/runs');
      await runtime.jobs.afterCancel(cancelled);
      return knownRun(runtime, id);
    },

    async records(id, stream, { cursor, limit, deleted }) {
      const key = await knownStream(runtime, id, stream);
      const after = readCursor(cursor, isText);
      const { records, more } = await recordPage(db, key, { after, limit, deleted });
      return { data: records, next: more ? writeCursor(records.at(-1)?.id) : null };
    },
    async changes(id, stream, request) {
      return changes(runtime, watch, await knownStream(runtime, id, stream), request);
    },

    ...inboxApi(runtime),
    async registerWebhooks(id, renew) {
      await knownRow(runtime, id);
      // as this process is reached: embedded mode sets no PUBLIC_URL
      return registerWebhooks({ ...runtime.registration, publicUrl: async () => publicUrl }, id, { renew });
    },

    connectLink: (id, returnUrl) => runtime.connector.createLink(id, { returnUrl, publicUrl }),
    async mappings(id, { after, limit }) {
      const page = { after: readCursor(after, isText), limit };
      const { data, next } = await mappingsOf(db, await loaded(runtime, id), page);
      return { data, next: next === null ? null : writeCursor(next) };
    },
    async replaceMappings(id, given) {
      await setMappings(db, await loaded(runtime, id), given, { replace: true });
    },
  };
  return { ...api, as: (actor) => actingAs(runtime, api, actor) };
}

export function watchChanges(runtime: Runtime): ChangeWatch {
  return createChangeWatch(runtime.db, {
    onTrouble: (error) => runtime.logger.warn({ err: error }, 'looking for changes'),
  });
}

async function changes(
  runtime: Runtime,
  watch: ChangeWatch,
  key: StreamKey,
  { after, limit, wait, signal }: ChangesRequest,
): Promise<ChangePage> {
  const page = await readChanges(runtime.db, key, { after, limit });
  if (page.changes.length > 0 || wait === 0) return page;
  await watch.wait(key, after, wait, signal);
  return readChanges(runtime.db, key, { after, limit });
}

async function sync(runtime: Runtime, id: string, request: SyncRequest): Promise<RunView> {
  const row = await knownRow(runtime, id);
  const { idempotencyKey, ...wanted } = request;
  let asked: RunView | undefined;
  const ask = async (): Promise<string> => {
    const connection = await runtime.loadConnection(id, { requireUsable: true });
    const names = connection.streams.map(({ name }) => name);
    for (const name of wanted.streams ?? []) assertStream(row, name, names);
    const wish = {
      connectionId: id,
      trigger: 'api',
      priority: PRIORITY,
      ...(wanted.streams === undefined ? {} : { streams: wanted.streams }),
      full: wanted.full,
      allowDeletes: wanted.allowDeletes,
    } as const;
    return runtime.jobs.askForRun(wish, async (runId) => {
      asked = await runView(runtime.db, runId);
    });
  };
  const runId =
    idempotencyKey === undefined
      ? await ask()
      : await once(runtime.db, { connectionId: id, request: wanted, key: idempotencyKey }, ask);
  // a run that was asked for before is shown as it is now
  return asked ?? knownRun(runtime, runId);
}

/** The body as a connection. Credentials that it leaves out are those that are stored. */
async function validated(runtime: Runtime, id: string, body: unknown): Promise<ConnectionInput> {
  const row = await findConnection(runtime.db.pool, id);
  assertManagedHere(row);
  const given = body as Readonly<Record<string, unknown>>;
  const options = { providers, checkEndpoint: (url: string) => checkEndpoint(url, runtime.environment) };
  const without =
    row === undefined || given.credentials !== undefined
      ? undefined
      : parseConnection(id, body, { base: [] }).connection;
  const whole =
    row === undefined || without === undefined
      ? body
      : { ...given, credentials: keptCredentials(row, without, runtime.vault) };
  const { connection, problems } = validateConnectionBody(id, whole, options);
  if (connection !== undefined && !hasErrors(problems)) return connection;
  const shown = problems.map(({ severity, where, message, fix }) => ({ severity, where, message, fix }));
  throw new SluiceError('config_invalid', configError(problems).message, {
    advice: 'Correct each problem listed, then send it again.',
    details: { problems: shown },
  });
}

async function detail(runtime: Runtime, id: string): Promise<ConnectionDetail> {
  const row = await knownRow(runtime, id);
  const view = await connectionView(runtime.db, id, storedSchedule);
  if (view === undefined) throw noSuch('connection', id, [], '/v1/connections');
  const streams = await readableStreams(runtime.db, row, findProvider);
  return { ...view, streams, configuration: configurationOf(row) };
}

/** The body of a `PUT` that changes nothing, where the credentials are left out of it or added. */
function configurationOf(row: ConnectionRow): Readonly<Record<string, unknown>> {
  const stored = row.config as Omit<ConnectionInput, 'credentials'>;
  return connectionBody({ ...stored, credentials: {} });
}

async function knownRow(runtime: Runtime, id: string): Promise<ConnectionRow> {
  const row = await findConnection(runtime.db.pool, id);
  if (row === undefined) throw noSuch('connection', id, [], '/v1/connections');
  return row;
}

async function loaded(runtime: Runtime, id: string): ReturnType<Runtime['loadConnection']> {
  await knownRow(runtime, id);
  return runtime.loadConnection(id, { requireUsable: false });
}

async function knownRun(runtime: Runtime, id: string): Promise<RunView> {
  const run = await runView(runtime.db, id);
  if (run === undefined) throw noSuch('run', id, [], '/v1/runs');
  return run;
}

async function knownStream(runtime: Runtime, id: string, stream: string): Promise<StreamKey> {
  const row = await knownRow(runtime, id);
  assertStream(row, stream, await readableStreams(runtime.db, row, findProvider));
  return { connectionId: id, stream };
}

function assertStream(row: ConnectionRow, name: string, known: readonly string[]): void {
  if (!known.includes(name)) throw noSuch(`stream of ${row.id}`, name, known, `/v1/connections/${row.id}`);
}
