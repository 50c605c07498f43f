/** The content of the status page: first what needs a person, then connections, runs and queues. */
import { age, clock, count, duration } from './format.ts';
import type { ConnectionView, NeedsPerson, QueueView, RunView, StatusView } from './status-view.ts';
import { Cell, Table } from './table.tsx';

type Tone = 'ok' | 'warn' | 'bad' | 'busy' | 'calm';

/** The word is what tells; the tone only helps the eye. */
const TONES: Readonly<Record<string, Tone>> = {
  active: 'ok',
  succeeded: 'ok',
  partial: 'warn',
  held: 'warn',
  paused: 'calm',
  needs_reconnect: 'bad',
  needs_attention: 'bad',
  failed: 'bad',
  running: 'busy',
  waiting: 'busy',
};

const EXAMPLE = `connections:
  my-first:
    provider: PROVIDER
    settings: {}
    credentials: { clientId: "\${CLIENT_ID}", clientSecret: "\${CLIENT_SECRET}" }`;

export function StatusPage({ view, queuesLink }: { view: StatusView; queuesLink: boolean }) {
  return (
    <main>
      <h1>Overview</h1>
      <p class="muted">
        As of <time datetime={view.now}>{clock(view.now)}</time>, version {view.version}
      </p>
      <p id="stale" class="alert" role="alert" hidden>
        Sluice does not answer. What stands here may be out of date.
      </p>
      {view.connections.length === 0 && view.needsPerson.length === 0 ? (
        <FirstSteps />
      ) : (
        <>
          <Needs items={view.needsPerson} now={view.now} />
          <Connections connections={view.connections} now={view.now} />
          <Runs runs={view.runs} now={view.now} />
        </>
      )}
      <Queues queues={view.queues} link={queuesLink} />
    </main>
  );
}

function Needs({ items, now }: { items: readonly NeedsPerson[]; now: string }) {
  return (
    <section aria-labelledby="needs">
      <h2 id="needs">What needs a person{items.length > 0 && <> ({count(items.length)})</>}</h2>
      {items.length === 0 ? (
        <p class="panel fine">Nothing. Whatever is wrong now, Sluice is still trying by itself.</p>
      ) : (
        <ul class="needs">
          {items.map((item) => (
            <li class={toneOf(item.state)}>
              <div class="head">
                <h3>{item.connection}</h3>
                <State value={item.state} />
                <span class="muted">
                  {item.provider}
                  {item.since !== null && (
                    <>
                      , <When at={item.since} now={now} />
                    </>
                  )}
                </span>
              </div>
              <p>{item.reason}</p>
              <p>
                <strong>Do this:</strong> <Advice text={item.advice} />
              </p>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function Connections({ connections, now }: { connections: readonly ConnectionView[]; now: string }) {
  return (
    <section aria-labelledby="connections">
      <h2 id="connections">Connections</h2>
      <Table
        caption={`${count(connections.length)} ${connections.length === 1 ? 'connection' : 'connections'}, with the last and the next run of each`}
        heads={['Connection', 'State', 'Last run', 'Next run', 'Records']}
        numbers={['Records']}
      >
        {connections.map((connection) => (
          <tr role="row">
            <th role="rowheader" scope="row">
              {connection.id}
              <span class="small">{connection.provider}</span>
            </th>
            <Cell label="State">
              <State value={connection.state} />
            </Cell>
            <Cell label="Last run">
              <LastRun connection={connection} now={now} />
            </Cell>
            <Cell label="Next run">
              {connection.nextRunAt === null ? 'none' : <When at={connection.nextRunAt} now={now} />}
              <span class="small nowrap">{connection.schedule}</span>
              {connection.state === 'active' && connection.failedRuns > 1 && (
                <span class="small">slowed down: {count(connection.failedRuns)} runs in a row failed</span>
              )}
            </Cell>
            <Cell label="Records" number roomy>
              <Records records={connection.records} />
            </Cell>
          </tr>
        ))}
      </Table>
    </section>
  );
}

function LastRun({ connection, now }: { connection: ConnectionView; now: string }) {
  const run = connection.lastRun;
  if (run === null) return <>never ran</>;
  const at = run.finishedAt ?? run.startedAt;
  return (
    <>
      <State value={run.status} /> {at !== null && <When at={at} now={now} />}
      {run.error !== null && <span class="small">{run.error.code}</span>}
    </>
  );
}

/** The sum, and below it each stream's part where there are several. */
function Records({ records }: { records: Readonly<Record<string, number>> }) {
  const streams = Object.entries(records);
  if (streams.length === 0) return <>none yet</>;
  const total = streams.reduce((sum, [, rows]) => sum + rows, 0);
  return (
    <>
      {count(total)}
      <span class="small">
        {streams
          .map(([stream, rows]) => (streams.length === 1 ? stream : `${stream} ${count(rows)}`))
          .join(', ')}
      </span>
    </>
  );
}

function Runs({ runs, now }: { runs: readonly RunView[]; now: string }) {
  return (
    <section aria-labelledby="runs">
      <h2 id="runs">Recent runs</h2>
      {runs.length === 0 ? (
        <p class="panel">
          No run yet. Ask for one with <code>sluice sync ID</code>, or wait for the schedule.
        </p>
      ) : (
        <Table
          caption="Newest first"
          heads={[
            'Connection',
            'Status',
            'Started',
            'Duration',
            'Added',
            'Updated',
            'Deleted',
            'Rejected',
            'Requests',
            'Tokens',
          ]}
          numbers={['Duration', 'Added', 'Updated', 'Deleted', 'Rejected', 'Requests', 'Tokens']}
        >
          {runs.map((run) => (
            <>
              <tr role="row">
                <th role="rowheader" scope="row">
                  {run.connection}
                  <span class="small">{run.id}</span>
                </th>
                <Cell label="Status">
                  <State value={run.status} />
                </Cell>
                <Cell label="Started">
                  {run.startedAt === null ? 'not yet' : <When at={run.startedAt} now={now} />}
                </Cell>
                <Cell label="Duration" number>
                  {durationOf(run, now)}
                </Cell>
                <Cell label="Added" number>
                  {count(run.added)}
                </Cell>
                <Cell label="Updated" number>
                  {count(run.updated)}
                </Cell>
                <Cell label="Deleted" number>
                  {count(run.deleted)}
                </Cell>
                <Cell label="Rejected" number>
                  {run.rejected === 0 ? '0' : <span class="alarm">{count(run.rejected)}</span>}
                </Cell>
                <Cell label="Requests" number>
                  {count(run.requests)}
                </Cell>
                <Cell label="Tokens" number>
                  {count(run.tokenRequests)}
                </Cell>
              </tr>
              {run.error !== null && (
                <tr role="row" class="more">
                  <td role="cell" class="error" colspan={10}>
                    <code>{run.error.code}</code> {run.error.message} <strong>Do this:</strong>{' '}
                    <Advice text={run.error.advice} />
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

function Queues({ queues, link }: { queues: readonly QueueView[]; link: boolean }) {
  if (queues.length === 0) return <></>;
  return (
    <section aria-labelledby="queues">
      <div class="titled">
        <h2 id="queues">Queues</h2>
        {link && <a href="/queues">Look at single jobs in Bull Board</a>}
      </div>
      <Table
        caption="Jobs by queue at this moment"
        heads={['Queue', 'Waiting', 'Active', 'Delayed', 'Failed']}
        numbers={['Waiting', 'Active', 'Delayed', 'Failed']}
      >
        {queues.map((queue) => (
          <tr role="row">
            <th role="rowheader" scope="row">
              {queue.name}
            </th>
            <Cell label="Waiting" number>
              {count(queue.waiting)}
            </Cell>
            <Cell label="Active" number>
              {count(queue.active)}
            </Cell>
            <Cell label="Delayed" number>
              {count(queue.delayed)}
            </Cell>
            <Cell label="Failed" number>
              {queue.failed === 0 ? '0' : <span class="alarm">{count(queue.failed)}</span>}
            </Cell>
          </tr>
        ))}
      </Table>
    </section>
  );
}

function FirstSteps() {
  return (
    <section class="panel" aria-labelledby="first">
      <h2 id="first">No connection yet</h2>
      <ol class="steps">
        <li>
          <code>sluice providers</code> lists the providers, and the settings and credentials that each one
          takes.
        </li>
        <li>
          Describe the connection in <code>sluice.yaml</code>; <code>{'${…}'}</code> is read from the
          environment:
          <pre tabindex={0}>
            <code>{EXAMPLE}</code>
          </pre>
        </li>
        <li>
          Apply it:
          <pre tabindex={0}>
            <code>sluice apply sluice.yaml</code>
          </pre>
        </li>
        <li>The first run starts by itself and shows up here.</li>
      </ol>
    </section>
  );
}

function State({ value }: { value: string }) {
  return <span class={`state ${toneOf(value)}`}>{value.replaceAll('_', ' ')}</span>;
}

/** Advice marks commands by backticks. */
function Advice({ text }: { text: string }) {
  return <>{text.split('`').map((part, index) => (index % 2 === 1 ? <code>{part}</code> : part))}</>;
}

function When({ at, now }: { at: string; now: string }) {
  return (
    <time datetime={at} title={clock(at)}>
      {age(at, now)}
    </time>
  );
}

function toneOf(value: string): Tone {
  return TONES[value] ?? 'calm';
}

function durationOf(run: RunView, now: string): string {
  if (run.startedAt === null) return '–';
  return duration(Date.parse(run.finishedAt ?? now) - Date.parse(run.startedAt));
}
