/** What the console's pages read, as functions of a process. */
import { SluiceError } from '../errors.ts';
import { tokenSubject } from '../outbound/client.ts';
import type { ResolvedConnection } from '../providers/connection.ts';
import type { ProviderDefinition } from '../providers/contract.ts';
import { providers } from '../providers/registry.ts';
import { version } from '../package-root.ts';
import type { Runtime } from '../runtime.ts';
import { findConnection, type ConnectionRow } from '../store/connections.ts';
import { loadRun } from '../store/runs.ts';
import { endpointsOf } from '../store/webhook-endpoints.ts';
import { createActivity, type Activity } from '../sync/activity.ts';
import { connectionSummary } from '../sync/connection-view.ts';
import { listRuns, runPlace, runView } from '../sync/history.ts';
import { readableStreams } from '../sync/known-streams.ts';
import { createLiveCounts, type LiveCounts } from '../sync/live-counts.ts';
import { createLiveWatch } from '../sync/live-watch.ts';
import { needsPerson } from '../sync/needs-person.ts';
import { glancePage, glances } from '../sync/overview.ts';
import { recordHistory } from '../sync/record-history.ts';
import { searchRecords } from '../sync/record-search.ts';
import { rejectedPage } from '../sync/rejected-page.ts';
import { streamGlances } from '../sync/stream-glance.ts';
import { timelineView } from '../sync/timeline.ts';
import type { StreamKey } from '../sync/writer.ts';
import { definitionOf } from '../webhooks/definition.ts';
import type { ConnectionPageView, ConsoleDeps, OverviewView, QueueView } from '../web/console/contract.ts';
import { describeForConsole } from './console-providers.ts';
import { isPlace, isText, readCursor, writeCursor } from './page-cursor.ts';
import { storedSchedule } from './schedule-lookup.ts';

const RECENT_RUNS = 10;
/** Connections, and things that need a person, that the overview names. */
const NAMED = 25;
/** Rows of a page of connections, runs, records, rejected records. */
const ROWS = 50;
/** Connections that the list of runs offers to choose from; where there are more, it takes an id and suggests these. */
const CHOICES = 50;

interface Parts {
  readonly runtime: Runtime;
  readonly activity: Activity;
  readonly counts: LiveCounts;
}

/** `live` is closed by whoever stops the process, so that nobody watches on. */
export function consoleOf(runtime: Runtime): ConsoleDeps {
  const { db, findProvider } = runtime;
  const parts: Parts = {
    runtime,
    activity: createActivity(db, runtime.now),
    counts: createLiveCounts(db, runtime.now),
  };
  const now = (): string => new Date(runtime.now()).toISOString();
  return {
    overview: (hours) => overview(parts, hours),
    activity: (hours) => parts.activity.lately(hours),
    async connections({ search, states, cursor }) {
      const after = readCursor(cursor, isText) ?? '';
      const asked = { search, states, after, limit: ROWS };
      const found = await glancePage(db, findProvider, runtime.now(), asked);
      const { more, total } = found;
      const records = await parts.counts.ofAll(found.connections.map(({ id }) => id));
      const connections = found.connections.map((glance) => ({
        ...glance,
        records: records.get(glance.id) ?? {},
      }));
      return { now: now(), connections, total, next: more ? writeCursor(connections.at(-1)?.id) : null };
    },
    connection: (id) => connectionPage(parts, id),

    async runs({ connection, status, cursor }) {
      const before = readCursor(cursor, isPlace);
      const [found, connections] = await Promise.all([
        listRuns(db, {
          ...(connection === undefined ? {} : { connection }),
          ...(status === undefined ? {} : { status }),
          ...(before === undefined ? {} : { before }),
          limit: ROWS + 1,
        }),
        db.pool.query<{ id: string }>(
          `select id from sluice.connections
            where id = $1 or id in (select id from sluice.connections order by id limit $2) order by id`,
          [connection ?? null, CHOICES + 1],
        ),
      ]);
      const runs = found.slice(0, ROWS);
      const last = runs.at(-1);
      const place = found.length > ROWS && last !== undefined ? await runPlace(db, last.id) : undefined;
      const next = place === undefined ? null : writeCursor(place);
      const ids = connections.rows.map(({ id }) => id);
      return {
        now: now(),
        runs,
        next,
        connections: ids.slice(0, CHOICES),
        moreConnections: ids.length > CHOICES,
        unknownConnection: connection !== undefined && !ids.includes(connection),
      };
    },
    async run(id) {
      const run = await runView(db, id);
      if (run === undefined) throw missing('run', id, 'the list of runs');
      const [timeline, row] = await Promise.all([timelineView(db, id), loadRun(db, id)]);
      return { now: now(), run, ...timeline, cancelRequested: row?.cancel_requested === true };
    },

    async records(id, stream, request) {
      return searchRecords(db, await knownStream(runtime, id, stream), { ...request, limit: ROWS });
    },
    async record(id, stream, record, before) {
      const found = await recordHistory(db, await knownStream(runtime, id, stream), record, before);
      if (found === undefined) throw missing('record', record, 'the records of its stream');
      return found;
    },
    async rejected(id, stream, before) {
      return rejectedPage(db, await knownStream(runtime, id, stream), { before, limit: ROWS });
    },

    providers: () => providers.map(describeForConsole),
    provider(name) {
      const provider = providers.find(({ id }) => id === name);
      if (provider === undefined) throw missing('provider', name, 'the list of providers');
      return describeForConsole(provider);
    },
    live: createLiveWatch(db, {
      onTrouble: (error) => runtime.logger.warn({ err: error }, 'looking for what the console shows live'),
    }),
  };
}

async function overview({ runtime, activity }: Parts, hours: number): Promise<OverviewView> {
  const { db, findProvider, jobs } = runtime;
  const [connections, runs, depths, lately] = await Promise.all([
    glances(db, findProvider, runtime.now()),
    listRuns(db, { limit: RECENT_RUNS }),
    jobs.depths(),
    activity.lately(hours),
  ]);
  const queues = new Map<string, Record<string, number>>();
  for (const { queue, state, jobs: count } of depths)
    queues.set(queue, { ...queues.get(queue), [state]: count });
  const late = ({ freshness }: (typeof connections)[number]): number => freshness.lateMs ?? -1;
  const needs = await needsPerson(
    db,
    connections,
    ({ provider }) => findProvider(provider)?.authorization !== undefined,
    runtime.now(),
  );
  return {
    now: new Date(runtime.now()).toISOString(),
    version,
    needsPerson: needs.slice(0, NAMED),
    needs: needs.length,
    connections: connections.toSorted((one, other) => late(other) - late(one)).slice(0, NAMED),
    connected: connections.length,
    runs,
    queues: [...queues].map(([name, states]): QueueView => {
      const { waiting = 0, active = 0, delayed = 0, failed = 0 } = states;
      return { name, waiting, active, delayed, failed };
    }),
    activity: lately,
  };
}

async function connectionPage({ runtime, counts }: Parts, id: string): Promise<ConnectionPageView> {
  const { db, findProvider } = runtime;
  const row = await knownRow(runtime, id);
  const [[glance], connection] = await Promise.all([
    glances(db, findProvider, runtime.now(), [id]),
    connectionSummary(db, id, storedSchedule),
  ]);
  if (glance === undefined || connection === undefined) throw missing('connection', id, CONNECTIONS);
  const provider = findProvider(row.provider);
  const resolved = await resolvedOrNull(runtime, id);
  const [token, streams, records, endpoints, runs] = await Promise.all([
    resolved === null || resolved.grant === 'none' ? null : runtime.tokens.status(tokenSubject(resolved)),
    streamGlances(db, row, findProvider),
    counts.of(id),
    endpointsOf(db, id),
    listRuns(db, { connection: id, limit: RECENT_RUNS }),
  ]);
  return {
    now: new Date(runtime.now()).toISOString(),
    connection,
    providerTitle: provider?.title ?? row.provider,
    freshness: glance.freshness,
    grant: resolved?.grant ?? null,
    policy: resolved === null || resolved.grant === 'none' ? null : resolved.tokenPolicy,
    token,
    streams,
    records,
    endpoints: endpoints.map(({ place, url, state, registered_at, checked_at, error }) => ({
      place,
      url,
      state,
      registeredAt: registered_at.toISOString(),
      checkedAt: checked_at?.toISOString() ?? null,
      error,
    })),
    webhooks: webhooksOf(provider, resolved),
    hasMappings: provider?.mappable !== undefined,
    canConnect: provider?.authorization !== undefined,
    runs,
  };
}

function webhooksOf(
  provider: ProviderDefinition | undefined,
  resolved: ResolvedConnection | null,
): ConnectionPageView['webhooks'] {
  if (provider === undefined || resolved === null) return null;
  const definition = definitionOf(provider, resolved);
  return definition === undefined ? null : { registers: definition.registration !== undefined };
}

/** Null where its credentials can't be read: a key is gone, or this version doesn't know its provider. */
async function resolvedOrNull(runtime: Runtime, id: string): Promise<ResolvedConnection | null> {
  try {
    return await runtime.loadConnection(id, { requireUsable: false });
  } catch (error) {
    if (error instanceof SluiceError) return null;
    throw error;
  }
}

const CONNECTIONS = 'the list of connections';

async function knownRow(runtime: Runtime, id: string): Promise<ConnectionRow> {
  const row = await findConnection(runtime.db.pool, id);
  if (row === undefined) throw missing('connection', id, CONNECTIONS);
  return row;
}

async function knownStream(runtime: Runtime, id: string, stream: string): Promise<StreamKey> {
  const row = await knownRow(runtime, id);
  if (!(await readableStreams(runtime.db, row, runtime.findProvider)).includes(stream))
    throw missing(`stream of ${id}`, stream, 'the page of its connection');
  return { connectionId: id, stream };
}

function missing(what: string, name: string, where: string): SluiceError {
  return new SluiceError('not_found', `There is no ${what} ${name.slice(0, 200)}.`, {
    advice: `See what there is on ${where}.`,
  });
}
