/** All connections: state, last and next run, records. */
import { count } from '../format.ts';
import { Cell, Table } from '../table.tsx';
import type { ConnectionsView } from './contract.ts';
import { LastRun, NextRun } from './overview-page.tsx';
import { AsOf, Records, State } from './parts.tsx';
import { paths } from './paths.ts';

export function ConnectionsPage({ view: { now, connections } }: { view: ConnectionsView }) {
  return (
    <main data-topic="overview">
      <div class="titled">
        <h1>Connections</h1>
        <a class="button" href={paths.newConnection}>
          Add a connection
        </a>
      </div>
      <AsOf now={now} path="/connections" />
      {connections.length === 0 ? (
        <p class="panel">
          There is none yet. Add one here, or describe it in <code>sluice.yaml</code> and run{' '}
          <code>sluice apply sluice.yaml</code>. <a href="/providers">What each provider needs</a>
        </p>
      ) : (
        <div data-live="connections">
          <Table
            caption={`${count(connections.length)} ${connections.length === 1 ? 'connection' : 'connections'}, with the last and the next run of each`}
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
        </div>
      )}
    </main>
  );
}
