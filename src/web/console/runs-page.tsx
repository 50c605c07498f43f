/** The list of runs, by connection and by status. */
import type { RunsView } from './contract.ts';
import { AsOf } from './parts.tsx';
import { Choice, NoSuchChoice } from './filters.tsx';
import { withQuery } from './paths.ts';
import { RunsTable } from './runs-table.tsx';

export const RUN_STATUSES = [
  'queued',
  'running',
  'waiting',
  'succeeded',
  'partial',
  'failed',
  'held',
  'cancelled',
] as const;

export interface RunsPageProps {
  readonly view: RunsView;
  readonly connection: string | undefined;
  readonly status: string | undefined;
  /** was asked for, and doesn't exist */
  readonly unknownStatus: string | undefined;
  readonly cursor: string | undefined;
}

export function RunsPage({ view, connection, status, unknownStatus, cursor }: RunsPageProps) {
  const { runs, next, now } = view;
  const chosen = { connection, status };
  // a connection that was removed keeps its runs
  const ids =
    connection === undefined || view.connections.includes(connection)
      ? view.connections
      : [connection, ...view.connections];
  return (
    <main data-topic={cursor === undefined ? 'overview' : undefined}>
      <h1>Runs</h1>
      <AsOf now={now} path={withQuery('/runs', { ...chosen, cursor })} />
      <form class="filters" method="get" action="/runs">
        <Choice name="connection" label="Connection" all="all connections" values={ids} chosen={connection} />
        <Choice name="status" label="Status" all="any status" values={RUN_STATUSES} chosen={status} />
        <button type="submit" class="quiet">
          Show
        </button>
      </form>
      <NoSuchChoice what="status" asked={unknownStatus} values={RUN_STATUSES} />
      <div data-live="runs">
        {runs.length === 0 ? (
          <p class="panel">
            {connection === undefined && status === undefined ? (
              <>
                No run yet. Open one of the <a href="/connections">connections</a> and choose “Sync now”, or
                wait for its schedule.
              </>
            ) : (
              <>
                No run fits. <a href="/runs">Show all</a>
              </>
            )}
          </p>
        ) : (
          <RunsTable runs={runs} now={now} caption="Newest first" />
        )}
        <p class="pages">
          {cursor !== undefined && <a href={withQuery('/runs', chosen)}>Newest</a>}
          {next !== null && <a href={withQuery('/runs', { ...chosen, cursor: next })}>Older</a>}
        </p>
      </div>
    </main>
  );
}
