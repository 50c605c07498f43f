/** Connections, page by page: state, last and next run, records. */
import { GLANCE_COUNT_LIMIT } from '../../sync/overview.ts';
import { count } from '../format.ts';
import { Cell, Table } from '../table.tsx';
import type { ConnectionsView } from './contract.ts';
import { Choice, NoSuchChoice, type Chosen, type ListPageProps } from './filters.tsx';
import { LastRun, NextRun } from './overview-page.tsx';
import { AsOf, Records, State } from './parts.tsx';
import { paths, withQuery } from './paths.ts';

const PATH = '/connections';

/** What the list can be narrowed to: the states, and those of them that wait for somebody. */
export const CONNECTION_STATES = {
  active: ['active'],
  paused: ['paused'],
  needs_person: ['needs_reconnect', 'needs_attention'],
  needs_reconnect: ['needs_reconnect'],
  needs_attention: ['needs_attention'],
} as const;

const STATES = Object.keys(CONNECTION_STATES);

export interface ConnectionsPageProps extends ListPageProps<ConnectionsView> {
  readonly search: string | undefined;
  readonly state: Chosen;
}

export function ConnectionsPage({
  view,
  search,
  state: { chosen: state, unknown },
  cursor,
}: ConnectionsPageProps) {
  const { now, connections, next } = view;
  const chosen = { search, state };
  const isNarrowed = search !== undefined || state !== undefined;
  return (
    <main data-topic="overview">
      <div class="titled">
        <h1>Connections</h1>
        <a class="button" href={paths.newConnection}>
          Add a connection
        </a>
      </div>
      <AsOf now={now} path={withQuery(PATH, { ...chosen, cursor })} />
      <form class="filters" method="get" action={PATH}>
        <label>
          Id or provider
          <input
            type="text"
            name="search"
            value={search ?? ''}
            autocomplete="off"
            autocapitalize="off"
            spellcheck={false}
          />
        </label>
        <Choice name="state" label="State" all="any state" values={STATES} chosen={state} />
        <button type="submit" class="quiet">
          Show
        </button>
      </form>
      <NoSuchChoice what="state" asked={unknown} values={STATES} />
      <div data-live="connections">
        {connections.length === 0 ? (
          <p class="panel">
            {isNarrowed || cursor !== undefined ? (
              <>
                No connection fits. <a href={PATH}>Show all</a>
              </>
            ) : (
              <>
                There is none yet. Add one here, or describe it in <code>sluice.yaml</code> and run{' '}
                <code>sluice apply sluice.yaml</code>. <a href="/providers">What each provider needs</a>
              </>
            )}
          </p>
        ) : (
          <Table
            caption={captionOf(view, isNarrowed)}
            heads={['Connection', 'State', 'Last run', 'Next run', 'Records']}
            numbers={['Records']}
          >
            {connections.map((connection) => (
              <tr role="row">
                <th role="rowheader" scope="row">
                  <a href={paths.connection(connection.id)}>{connection.id}</a>
                  <span class="small">{connection.provider}</span>
                </th>
                <Cell label="State">
                  <State value={connection.state} />
                </Cell>
                <Cell label="Last run">
                  <LastRun run={connection.lastRun} now={now} />
                </Cell>
                <Cell label="Next run">
                  <NextRun connection={connection} now={now} />
                </Cell>
                <Cell label="Records" number roomy>
                  <Records records={connection.records} />
                </Cell>
              </tr>
            ))}
          </Table>
        )}
        <p class="pages">
          {cursor !== undefined && <a href={withQuery(PATH, chosen)}>First</a>}
          {next !== null && <a href={withQuery(PATH, { ...chosen, cursor: next })}>Next</a>}
        </p>
      </div>
    </main>
  );
}

function captionOf({ connections, total }: ConnectionsView, isNarrowed: boolean): string {
  const all = total > GLANCE_COUNT_LIMIT ? `more than ${count(GLANCE_COUNT_LIMIT)}` : count(total);
  const word = total === 1 ? 'connection' : 'connections';
  const part =
    connections.length < total ? `${count(connections.length)} of ${all} ${word}` : `${all} ${word}`;
  return `${part}${isNarrowed ? (total === 1 ? ' that fits' : ' that fit') : ''}, by id`;
}
