/** One run: how it stands, its streams, and the timeline of its requests and waits. */
import type { StreamView } from '../../sync/history.ts';
import { count } from '../format.ts';
import { Cell, Table } from '../table.tsx';
import type { RunPageView } from './contract.ts';
import { AsOf, Fact, Facts, State, Trail, Trouble, When } from './parts.tsx';
import { paths } from './paths.ts';
import { Alarm, tookWords, triggerWords } from './runs-table.tsx';
import { TimelineSection } from './timeline-section.tsx';

export function RunPage({ view }: { view: RunPageView }) {
  const { run, now } = view;
  const over = run.finishedAt !== null;
  return (
    <main data-topic={over ? undefined : `run:${run.id}`}>
      <Trail
        above={[
          ['/runs', 'Runs'],
          [paths.connection(run.connection), run.connection],
        ]}
      />
      <div data-live="title">
        <div class="titled">
          <h1>
            Run of {run.connection} <State value={run.status} />
          </h1>
          {!over && !view.cancelRequested && (
            <a class="button quiet" href={paths.cancel(run.id)}>
              Cancel
            </a>
          )}
        </div>
      </div>
      <AsOf now={now} path={paths.run(run.id)} />
      <div data-live="head">
        {view.cancelRequested && !over && (
          <p class="notice warn">It is to end: each stream stops at its next page.</p>
        )}
        {run.error !== null && (
          <div class={`notice ${run.status === 'held' || run.status === 'partial' ? 'warn' : 'bad'}`}>
            <p>
              <Trouble error={run.error} />
            </p>
            {run.status === 'held' && (
              <p>
                <a class="button" href={paths.action(run.connection, 'allow-deletes')}>
                  Look at the deletes
                </a>
              </p>
            )}
          </div>
        )}
      </div>
      <div data-live="facts">
        <section class="panel" aria-labelledby="summary">
          <h2 id="summary">Summary</h2>
          <Facts>
            <Fact name="Asked for">
              <When at={run.createdAt} now={now} /> {triggerWords(run.trigger)}
            </Fact>
            <Fact name="Began">
              {run.startedAt === null ? (
                'not yet: it waits for a worker'
              ) : (
                <When at={run.startedAt} now={now} />
              )}
            </Fact>
            <Fact name={over ? 'Took' : 'Takes so far'}>{tookWords(run, now)}</Fact>
            <Fact name="Requests">
              {count(run.requests)}
              {run.retries > 0 && `, ${count(run.retries)} of them again`}
            </Fact>
            <Fact name="Token requests">{count(run.tokenRequests)}</Fact>
            <Fact name="Pages">{count(run.streams.reduce((sum, { pages }) => sum + pages, 0))}</Fact>
            <Fact name="Id">
              <code class="wrap">{run.id}</code>
            </Fact>
          </Facts>
        </section>
      </div>
      <div data-live="streams">
        <Streams view={view} />
      </div>
      <div data-live="timeline">
        <TimelineSection view={view} />
      </div>
    </main>
  );
}

const NUMBERS = ['Pages', 'Added', 'Updated', 'Deleted', 'Unchanged', 'Rejected'];

function Streams({ view: { run, now } }: { view: RunPageView }) {
  const heads = ['Stream', 'Status', 'Mode', ...NUMBERS];
  return (
    <section aria-labelledby="streams">
      <h2 id="streams">Streams</h2>
      {run.streams.length === 0 ? (
        <p class="panel">Not planned yet: that is the first thing a worker does with it.</p>
      ) : (
        <Table caption="What it did to each" heads={heads} numbers={NUMBERS}>
          {run.streams.map((stream) => (
            <>
              <tr role="row">
                <th role="rowheader" scope="row">
                  <a href={paths.stream(run.connection, stream.name)}>{stream.name}</a>
                </th>
                <Cell label="Status">
                  <State value={stream.status} />
                  {stream.status === 'waiting' && <Waits stream={stream} now={now} />}
                </Cell>
                <Cell label="Mode">{stream.mode}</Cell>
                {(['pages', 'added', 'updated', 'deleted', 'unchanged'] as const).map((field, index) => (
                  <Cell label={NUMBERS[index] ?? ''} number>
                    {count(stream[field])}
                  </Cell>
                ))}
                <Cell label="Rejected" number>
                  {stream.rejected === 0 ? (
                    '0'
                  ) : (
                    <a href={paths.rejected(run.connection, stream.name)}>
                      <Alarm value={stream.rejected} />
                    </a>
                  )}
                </Cell>
              </tr>
              {stream.error !== null && (
                <tr role="row" class="more">
                  <td role="cell" class="error" colspan={heads.length}>
                    <Trouble error={stream.error} />
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

function Waits({ stream: { waitUntil, waitReason }, now }: { stream: StreamView; now: string }) {
  return (
    <span class="small">
      {waitUntil !== null && (
        <>
          goes on <When at={waitUntil} now={now} />{' '}
        </>
      )}
      {waitReason !== null && <code>{waitReason}</code>}
    </span>
  );
}
