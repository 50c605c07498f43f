/** The overview: first what needs a person, then how fresh everything is, what was done, what is waiting. */
import type { PersonNeeded } from '../../sync/needs-person.ts';
import type { ConnectionGlance } from '../../sync/overview.ts';
import { count, duration } from '../format.ts';
import { Cell, Table } from '../table.tsx';
import type { OverviewView, QueueView } from './contract.ts';
import { Advice, AsOf, State, toneOf, When } from './parts.tsx';
import { paths, withQuery } from './paths.ts';
import { Plots, spanPath } from './plots.tsx';
import { Alarm, RunsTable } from './runs-table.tsx';

const EXAMPLE = `connections:
  my-first:
    provider: PROVIDER
    settings: {}
    credentials: { clientId: "\${CLIENT_ID}", clientSecret: "\${CLIENT_SECRET}" }`;

export function OverviewPage({ view, queuesLink }: { view: OverviewView; queuesLink: boolean }) {
  const empty = view.connections.length === 0 && view.needsPerson.length === 0;
  return (
    <main data-topic="overview">
      <h1>Overview</h1>
      <AsOf now={view.now} path={spanPath(view.activity.hours.length)}>
        , version {view.version}
      </AsOf>
      {empty ? (
        <FirstSteps />
      ) : (
        <>
          <div data-live="state">
            <Needs items={view.needsPerson} total={view.needs} now={view.now} />
            <Freshness connections={view.connections} total={view.connected} now={view.now} />
          </div>
          <Plots activity={view.activity} />
          <div data-live="runs">
            <section aria-labelledby="runs">
              <div class="titled">
                <h2 id="runs">Recent runs</h2>
                <a href="/runs">All runs</a>
              </div>
              {view.runs.length === 0 ? (
                <p class="panel">
                  No run yet. Open a connection and choose “Sync now”, or wait for its schedule.
                </p>
              ) : (
                <RunsTable runs={view.runs} now={view.now} caption="Newest first" />
              )}
            </section>
          </div>
        </>
      )}
      <div data-live="queues">
        <Queues queues={view.queues} link={queuesLink} />
      </div>
    </main>
  );
}

function Needs({ items, total, now }: { items: readonly PersonNeeded[]; total: number; now: string }) {
  return (
    <section aria-labelledby="needs">
      <h2 id="needs">Needs a person{total > 0 && <> ({count(total)})</>}</h2>
      {items.length === 0 ? (
        <p class="panel fine">Nothing. Whatever is wrong now, Sluice is still trying by itself.</p>
      ) : (
        <ul class="needs">
          {items.map((item) => (
            <li class={toneOf(item.state)}>
              <div class="head">
                <h3>
                  <a href={paths.connection(item.connection)}>{item.connection}</a>
                </h3>
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
              <p class="todo">
                <span>
                  <strong>Do this:</strong> <Advice text={item.advice} />
                </span>
                <Remedy item={item} />
              </p>
            </li>
          ))}
        </ul>
      )}
      {total > items.length && (
        <p class="after">
          And {count(total - items.length)} more: <a href={paths.parked}>connections that need a person</a>,{' '}
          <a href={withQuery('/runs', { status: 'held' })}>held runs</a>,{' '}
          <a href={withQuery('/events', { status: 'dead' })}>events that were given up</a>
        </p>
      )}
    </section>
  );
}

function Remedy({ item: { action, connection, stream = '' } }: { item: PersonNeeded }) {
  const [path, name] = {
    connect: [paths.connect(connection), 'Reconnect'],
    check: [paths.action(connection, 'check'), 'Check it'],
    'allow-deletes': [paths.action(connection, 'allow-deletes'), 'Look at the deletes'],
    webhooks: [paths.action(connection, 'webhooks'), 'Register again'],
    'dead-events': [paths.eventsOf(connection, 'dead'), 'Look at the events'],
    rejected: [paths.rejected(connection, stream), `Look at the records of ${stream}`],
  }[action];
  return (
    <a class="button" href={path}>
      {name}
      <span class="away">: {connection}</span>
    </a>
  );
}

function Freshness(props: { connections: readonly ConnectionGlance[]; total: number; now: string }) {
  const { connections, total, now } = props;
  return (
    <section aria-labelledby="freshness">
      <div class="titled">
        <h2 id="freshness">Freshness</h2>
        <a href="/connections">
          {total > connections.length ? `All ${count(total)} connections` : 'Connections'}
        </a>
      </div>
      <Table
        caption="The latest against its schedule first"
        heads={['Connection', 'State', 'Data as of', 'Against the schedule', 'Last run', 'Next run']}
        numbers={[]}
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
            <Cell label="Data as of">
              {connection.freshness.asOf === null ? (
                'not complete yet'
              ) : (
                <When at={connection.freshness.asOf} now={now} />
              )}
            </Cell>
            <Cell label="Against the schedule">
              <Lag connection={connection} />
            </Cell>
            <Cell label="Last run">
              <LastRun run={connection.lastRun} now={now} />
            </Cell>
            <Cell label="Next run">
              <NextRun connection={connection} now={now} />
            </Cell>
          </tr>
        ))}
      </Table>
    </section>
  );
}

export function Lag(props: {
  connection: {
    readonly freshness: ConnectionGlance['freshness'];
    readonly schedule: string;
    readonly lastRun: { readonly finishedAt: string | null } | null;
  };
}) {
  const { freshness, schedule, lastRun } = props.connection;
  const { asOf, lateMs } = freshness;
  const running = lastRun !== null && lastRun.finishedAt === null;
  if (schedule === 'manual' || (asOf !== null && lateMs === null)) return <>no schedule</>;
  if (asOf === null) return running ? <State value="first pass" tone="busy" /> : <>–</>;
  if (lateMs === 0 || lateMs === null) return <State value="on time" tone="ok" />;
  return (
    <>
      <State value={running ? 'catching up' : 'late'} tone={running ? 'busy' : 'warn'} /> by{' '}
      {duration(lateMs)}
    </>
  );
}

export function LastRun({ run, now }: { run: ConnectionGlance['lastRun']; now: string }) {
  if (run === null) return <>never ran</>;
  const at = run.finishedAt ?? run.startedAt;
  return (
    <a class="plain" href={paths.run(run.id)}>
      <State value={run.status} /> {at !== null && <When at={at} now={now} />}
      {run.error !== null && <span class="small">{run.error.code}</span>}
    </a>
  );
}

export function NextRun({ connection, now }: { connection: ConnectionGlance; now: string }) {
  const { nextRunAt, schedule, state, failedRuns } = connection;
  return (
    <>
      {nextRunAt === null ? 'none' : <When at={nextRunAt} now={now} />}
      <span class="small nowrap">{schedule}</span>
      {state === 'active' && failedRuns > 1 && (
        <span class="small">slowed down: {count(failedRuns)} runs in a row failed</span>
      )}
    </>
  );
}

function Queues({ queues, link }: { queues: readonly QueueView[]; link: boolean }) {
  if (queues.length === 0) return <></>;
  return (
    <section aria-labelledby="queues">
      <div class="titled">
        <h2 id="queues">Queues</h2>
        {link && <a href="/queues">Single jobs in Bull Board</a>}
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
              <Alarm value={queue.failed} />
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
      <p>
        <a class="button" href={paths.newConnection}>
          Add a connection
        </a>
      </p>
      <p>It asks for what the provider needs and checks it before anything is stored. Or by a file:</p>
      <ol class="steps">
        <li>
          <a href="/providers">Providers</a>, or <code>sluice providers</code>, lists the settings and
          credentials that each one takes.
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
