/** One record: its body now, and what it was before each change. */
import type { RecordChange, RecordHistory } from '../../sync/record-history.ts';
import { LOOKED_BACK } from '../../sync/record-history.ts';
import { clock, count } from '../format.ts';
import { changedFields } from './changed-fields.ts';
import { Fact, Facts, Json, State, Trail, When } from './parts.tsx';
import { paths } from './paths.ts';

export interface RecordPageProps {
  readonly connection: string;
  readonly stream: string;
  readonly now: string;
  readonly history: RecordHistory;
  /** only changes with a smaller number are shown */
  readonly before: number | undefined;
}

export function RecordPage({ connection, stream, now, history, before }: RecordPageProps) {
  const { id, record, partition, version, changedAt, deletedAt, changes, next } = history;
  const path = paths.record(connection, stream, id);
  return (
    <main>
      <Trail
        above={[
          ['/connections', 'Connections'],
          [paths.connection(connection), connection],
          [paths.stream(connection, stream), stream],
        ]}
      />
      <h1 class="mono wrap">{id}</h1>
      <section class="panel" aria-labelledby="now">
        <h2 id="now">{deletedAt === null ? 'As it is now' : 'As it was before it was deleted'}</h2>
        <Facts>
          <Fact name="State">
            {deletedAt === null ? <State value="live" tone="ok" /> : <State value="deleted" />}
          </Fact>
          <Fact name={deletedAt === null ? 'Changed' : 'Deleted'}>
            <When at={deletedAt ?? changedAt} now={now} />
          </Fact>
          {version !== null && (
            <Fact name="Version">
              <code class="wrap">{version}</code>
            </Fact>
          )}
          {partition !== '' && (
            <Fact name="Below">
              <code class="wrap">{partition}</code>
            </Fact>
          )}
        </Facts>
        <Json value={record} label="Body of the record" />
      </section>
      <section aria-labelledby="history">
        <h2 id="history">Changes</h2>
        {changes.length === 0 ? (
          <p class="panel">
            None among the {count(LOOKED_BACK)} changes of the stream that were looked through
            {before === undefined && next === null ? ', and older ones are not kept' : ''}.
          </p>
        ) : (
          <ol class="changes">
            {changes.map((change, index) => (
              <li class="panel">
                {/* what came out of it is what the next newer change began with */}
                <Change
                  change={change}
                  result={
                    index === 0 ? (before === undefined ? record : undefined) : changes[index - 1]?.previous
                  }
                  now={now}
                />
              </li>
            ))}
          </ol>
        )}
        <p class="pages">
          {before !== undefined && <a href={path}>Newest</a>}
          {next !== null && <a href={`${path}&before=${next}`}>Look further back</a>}
        </p>
      </section>
    </main>
  );
}

function Change({ change, result, now }: { change: RecordChange; result: unknown; now: string }) {
  const { seq, op, changedAt, previous } = change;
  const fields = op === 'updated' ? changedFields(previous, result) : [];
  return (
    <>
      <p>
        <State value={op} tone={op === 'deleted' ? 'bad' : op === 'added' ? 'ok' : 'busy'} />{' '}
        <When at={changedAt} now={now} />{' '}
        <span class="muted">
          {clock(changedAt)}, number {count(seq)}
        </span>
      </p>
      {fields.length > 0 && (
        <p>
          Changed:{' '}
          {fields.map((field, index) => (
            <>
              {index > 0 && ', '}
              <code>{field}</code>
            </>
          ))}
        </p>
      )}
      {previous !== null && (
        <details>
          <summary>The body before</summary>
          <Json value={previous} label={`Body before change ${seq}`} />
        </details>
      )}
    </>
  );
}
