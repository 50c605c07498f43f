/** What confirmations show below their sentences: cursors, held deletes, endpoints, and the fields of a choice. */
import { clock, count } from '../format.ts';
import type { ConnectionFacts } from '../steering-contract.ts';
import { Cell, Table } from '../table.tsx';

export function Cursors({ facts }: { facts: ConnectionFacts }) {
  return (
    <Table
      caption="How far each stream was read."
      heads={['Stream', 'Cursor', 'Records']}
      numbers={['Records']}
    >
      {facts.streams.map(({ name, cursor, records }) => (
        <tr role="row">
          <th role="rowheader" scope="row">
            {name}
          </th>
          <Cell label="Cursor">
            {cursor === null ? (
              <span class="muted">begins at the beginning anyway</span>
            ) : (
              <code>{cursor}</code>
            )}
          </Cell>
          <Cell label="Records" number>
            {count(records)}
          </Cell>
        </tr>
      ))}
    </Table>
  );
}

export function ResetFields({ facts }: { facts: ConnectionFacts }) {
  return (
    <div class="field after">
      <label for="stream">What is reset</label>
      <select id="stream" name="stream">
        <option value="">all streams</option>
        {facts.streams.map(({ name }) => (
          <option value={name}>{`only ${name}`}</option>
        ))}
      </select>
    </div>
  );
}

export function Held({ facts }: { facts: ConnectionFacts }) {
  if (facts.held === null) return <></>;
  return (
    <Table
      caption="What the newest run would have deleted."
      heads={['Stream', 'What is missing at the source', 'Records here']}
      numbers={['Records here']}
    >
      {facts.held.streams.map(({ name, message }) => (
        <tr role="row">
          <th role="rowheader" scope="row">
            {name}
          </th>
          <Cell label="Missing">{message}</Cell>
          <Cell label="Records here" number>
            {count(facts.connection.records[name] ?? 0)}
          </Cell>
        </tr>
      ))}
    </Table>
  );
}

export function WebhookFacts({ facts }: { facts: ConnectionFacts }) {
  if (facts.webhooks === null) return <></>;
  const { endpoints, url } = facts.webhooks;
  return (
    <>
      <p>
        They are to arrive at <code>{url}</code>, which the provider must be able to reach.
      </p>
      {endpoints.length > 0 && (
        <Table caption="What is registered." heads={['Address', 'State', 'Registered']} numbers={[]}>
          {endpoints.map((endpoint) => (
            <tr role="row">
              <th role="rowheader" scope="row">
                {endpoint.url}
                {endpoint.place !== '' && <span class="small">{endpoint.place}</span>}
              </th>
              <Cell label="State">{endpoint.state}</Cell>
              <Cell label="Registered">{clock(endpoint.registeredAt)}</Cell>
            </tr>
          ))}
        </Table>
      )}
    </>
  );
}

export function RemoveFields({ facts }: { facts: ConnectionFacts }) {
  const { connection, history } = facts;
  const records = Object.values(connection.records).reduce((sum, rows) => sum + rows, 0);
  return (
    <>
      <div class="choice">
        <input type="checkbox" id="purge" name="purge" value="yes" />
        <label for="purge">
          Also erase everything that it brought: {count(records)} live records and all deleted ones,{' '}
          {count(history.changes)} changes, {count(history.events)} events
        </label>
      </div>
      <div class="field after">
        <label for="confirm">
          Type <code>{connection.id}</code> to confirm
        </label>
        <input
          type="text"
          id="confirm"
          name="confirm"
          required
          autocomplete="off"
          autocapitalize="off"
          spellcheck={false}
        />
      </div>
    </>
  );
}
