/** The webhooks of a connection: the endpoints that we registered at the provider, as it saw them last. */
import { Cell, Table } from '../table.tsx';
import type { ConnectionPageView } from './contract.ts';
import { State, Trouble, When } from './parts.tsx';
import { paths } from './paths.ts';

export function EndpointsSection({ view }: { view: ConnectionPageView }) {
  const { connection, endpoints, webhooks, now } = view;
  if (webhooks === null && endpoints.length === 0) return <></>;
  return (
    <section aria-labelledby="webhooks">
      <div class="titled">
        <h2 id="webhooks">Webhooks</h2>
        <a href={paths.eventsOf(connection.id)}>Its events</a>
      </div>
      {endpoints.length === 0 ? (
        <p class="panel">
          {webhooks?.registers === true ? (
            <>
              No endpoint is registered.{' '}
              <a href={paths.action(connection.id, 'webhooks')}>Register one at the provider</a>
            </>
          ) : (
            <>
              The provider has no API for endpoints. Enter <code>/webhooks/{connection.id}</code> of this
              installation there, and its secret under <code>credentials.webhookSecret</code>.
            </>
          )}
        </p>
      ) : (
        <Table
          caption="Endpoints at the provider"
          heads={['URL', 'State', 'Registered', 'Looked at']}
          numbers={[]}
        >
          {endpoints.map((endpoint) => (
            <>
              <tr role="row">
                <th role="rowheader" scope="row">
                  <span class="mono">{endpoint.url}</span>
                  {endpoint.place !== '' && <span class="small">for {endpoint.place}</span>}
                </th>
                <Cell label="State">
                  <State value={endpoint.state} />
                </Cell>
                <Cell label="Registered">
                  <When at={endpoint.registeredAt} now={now} />
                </Cell>
                <Cell label="Looked at">
                  {endpoint.checkedAt === null ? 'not yet' : <When at={endpoint.checkedAt} now={now} />}
                </Cell>
              </tr>
              {endpoint.error !== null && (
                <tr role="row" class="more">
                  <td role="cell" class="error" colspan={4}>
                    <Trouble error={endpoint.error} />
                  </td>
                </tr>
              )}
            </>
          ))}
        </Table>
      )}
    </section>
  );
}
