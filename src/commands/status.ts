/** What the status page shows, gathered from Postgres and the queue. */
import type { Runtime } from '../runtime.ts';
import { version } from '../package-root.ts';
import { listConnections, type ConnectionView } from '../sync/connection-view.ts';
import { listRuns, type RunView } from '../sync/history.ts';
import type { NeedsPerson, QueueView, RunView as RunLine, StatusView } from '../web/status-view.ts';
import { storedSchedule } from './schedule-lookup.ts';

const RECENT_RUNS = 20;

export async function statusView(runtime: Runtime): Promise<StatusView> {
  const [connections, runs, depths] = await Promise.all([
    listConnections(runtime.db, storedSchedule),
    listRuns(runtime.db, { limit: RECENT_RUNS }),
    runtime.jobs.depths(),
  ]);
  const queues = new Map<string, Record<string, number>>();
  for (const { queue, state, jobs } of depths) queues.set(queue, { ...queues.get(queue), [state]: jobs });
  return {
    now: new Date(runtime.now()).toISOString(),
    version,
    needsPerson: connections.flatMap(needsPerson),
    connections,
    runs: runs.map(runLine),
    queues: [...queues].map(([name, states]): QueueView => ({
      name,
      waiting: states.waiting ?? 0,
      active: states.active ?? 0,
      delayed: states.delayed ?? 0,
      failed: states.failed ?? 0,
    })),
  };
}

function needsPerson(connection: ConnectionView): NeedsPerson[] {
  const { id, provider, state, lastRun } = connection;
  if (state === 'needs_attention' || state === 'needs_reconnect') {
    const [reason, advice] = [connection.reason ?? state, connection.advice ?? ''];
    return [{ connection: id, provider, state, reason, advice, since: connection.since }];
  }
  if (lastRun?.status === 'held' && lastRun.error !== null) {
    const { message, advice } = lastRun.error;
    return [{ connection: id, provider, state: 'held', reason: message, advice, since: lastRun.finishedAt }];
  }
  return [];
}

function runLine(run: RunView): RunLine {
  const sum = (field: 'added' | 'updated' | 'deleted' | 'unchanged' | 'rejected'): number =>
    run.streams.reduce((total, stream) => total + stream[field], 0);
  return {
    id: run.id,
    connection: run.connection,
    status: run.status,
    startedAt: run.startedAt,
    finishedAt: run.finishedAt,
    tokenRequests: run.tokenRequests,
    requests: run.requests,
    added: sum('added'),
    updated: sum('updated'),
    deleted: sum('deleted'),
    unchanged: sum('unchanged'),
    rejected: sum('rejected'),
    error: run.error,
  };
}
