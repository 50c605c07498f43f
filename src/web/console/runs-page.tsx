/** The list of runs, by connection and by status. */
import type { RunsView } from './contract.ts';
import { AsOf } from './parts.tsx';
import { Choice, IdField, NoSuchChoice, type Chosen, type ListPageProps } from './filters.tsx';
import { paths, withQuery } from './paths.ts';
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

export interface RunsPageProps extends ListPageProps<RunsView> {
  readonly connection: string | undefined;
  readonly status: Chosen;
}

export function RunsPage({ view, connection, status: { chosen: status, unknown }, cursor }: RunsPageProps) {
  const { runs, next, now } = view;
  const chosen = { connection, status };
  return (
    <main data-topic={cursor === undefined ? 'overview' : undefined}>
      <h1>Runs</h1>
      <AsOf now={now} path={withQuery('/runs', { ...chosen, cursor })} />
      <form class="filters" method="get" action="/runs">
        <ConnectionField view={view} chosen={connection} />
        <Choice name="status" label="Status" all="any status" values={RUN_STATUSES} chosen={status} />
        <button type="submit" class="quiet">
          Show
        </button>
      </form>
      <NoSuchChoice what="status" asked={unknown} values={RUN_STATUSES} />
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
                {connection !== undefined && view.unknownConnection && (
                  <>
                    . There is no connection <code>{connection}</code>:{' '}
                    <a href={paths.connectionsLike(connection)}>look for it by a part of its id</a>
                  </>
                )}
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

/** As many as can be chosen from stand in a list; with more of them the page would grow without end. */
function ConnectionField({ view, chosen }: { view: RunsView; chosen: string | undefined }) {
  const [name, label] = ['connection', 'Connection'];
  const { connections, moreConnections } = view;
  if (moreConnections) {
    // those whose runs are on the page come first
    const suggestions = [...new Set([...view.runs.map((run) => run.connection), ...connections])];
    const few = suggestions.slice(0, connections.length);
    return <IdField name={name} label={label} suggestions={few} value={chosen} />;
  }
  // a connection that was removed keeps its runs
  const ids = chosen === undefined || connections.includes(chosen) ? connections : [chosen, ...connections];
  return <Choice name={name} label={label} all="all connections" values={ids} chosen={chosen} />;
}
