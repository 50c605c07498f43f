/** The timeline of a run: each request with its answer, each wait with its reason. */
import type { EntryView, RequestView, WaitView } from '../../sync/timeline.ts';
import { count, duration } from '../format.ts';
import { Cell, Table } from '../table.tsx';
import type { RunPageView } from './contract.ts';
import { State } from './parts.tsx';

const requestWaits: Readonly<Record<RequestView['waits'][number]['reason'], string>> = {
  rate_limit: 'rate limit',
  quick_retry: 'quick retry',
  replay: 'new token after 401',
  token: 'token',
};

const streamWaits: Readonly<Record<WaitView['reason'], string>> = {
  backoff: 'Backs off',
  rate_limit: 'Rate limit',
  retry_after: 'As the provider asks',
  not_ready: 'The provider is not ready yet',
  lease: 'Another run writes this stream',
  token: 'No token',
  shutdown: 'The worker stopped',
};

const HEADS = ['Time', 'Stream', 'Answer', 'Took', 'Page', 'Records', 'Token', 'Request'];

export function TimelineSection({ view: { run, timeline, timelineOmitted } }: { view: RunPageView }) {
  const days = new Set(timeline.map(({ at }) => at.slice(0, 10)));
  const time = (at: string): string => (days.size > 1 ? `${at.slice(5, 10)} ` : '') + at.slice(11, 23);
  return (
    <section aria-labelledby="timeline">
      <h2 id="timeline">Timeline</h2>
      {timeline.length === 0 ? (
        <p class="panel">
          {run.finishedAt === null
            ? 'Nothing was asked yet.'
            : 'Nothing was asked of the provider, or it is no longer kept.'}
        </p>
      ) : (
        <Table
          caption={`Requests and waits in their order, UTC${days.size === 1 ? `, ${[...days].join('')}` : ''}`}
          heads={HEADS}
          numbers={['Took', 'Page']}
        >
          {timeline.map((entry) => (
            <Entry entry={entry} time={time} />
          ))}
        </Table>
      )}
      {Object.entries(timelineOmitted).map(([stream, left]) => (
        <p class="muted after">
          {stream}: {count(left)} more between the first and the last that are shown; only those are kept.
        </p>
      ))}
    </section>
  );
}

function Entry({ entry, time }: { entry: EntryView; time: (at: string) => string }) {
  return (
    <tr role="row" class={entry.kind === 'wait' ? 'pause' : undefined}>
      <th role="rowheader" scope="row" class="mono nowrap">
        <time datetime={entry.at}>{time(entry.at)}</time>
      </th>
      <Cell label="Stream">{entry.stream}</Cell>
      {entry.kind === 'wait' ? <Wait entry={entry} time={time} /> : <Request entry={entry} />}
    </tr>
  );
}

function Wait({ entry, time }: { entry: WaitView; time: (at: string) => string }) {
  const { reason, until, error, attempt } = entry;
  return (
    <>
      <Cell label="Answer">
        <State value="waits" tone="warn" />
      </Cell>
      <td role="cell" colspan={HEADS.length - 3} class="error">
        {streamWaits[reason]}: waits {until === null ? 'for a worker' : `until ${time(until)}`}{' '}
        <code>{error}</code>
        {attempt !== null && `, attempt ${attempt} spent`}
      </td>
    </>
  );
}

function Request({ entry }: { entry: RequestView }) {
  const { status, error, ms, attempt, waits, page, records, token, path } = entry;
  const bad = status === null || status >= 400;
  return (
    <>
      <Cell label="Answer">
        <State value={status === null ? (error ?? 'no answer') : String(status)} tone={bad ? 'bad' : 'ok'} />
        {attempt > 1 && <span class="small">try {attempt}</span>}
      </Cell>
      <Cell label="Took" number>
        {ms < 1000 ? `${count(ms)} ms` : duration(ms)}
        {waits.map((wait) => (
          <span class="small">
            after {duration(wait.ms)} {requestWaits[wait.reason]}
          </span>
        ))}
      </Cell>
      <Cell label="Page" number>
        {page === null ? '–' : count(page)}
      </Cell>
      <Cell label="Records">
        <span class="nowrap">{records === null ? '–' : countsWords(records)}</span>
      </Cell>
      <Cell label="Token">
        <span class="nowrap">
          {token === null ? 'none' : token.new ? 'new' : `${duration(token.ageSeconds * 1000)} old`}
        </span>
      </Cell>
      <Cell label="Request" roomy>
        <span class="mono wrap">{path.replaceAll('=…', '')}</span>
      </Cell>
    </>
  );
}

function countsWords(records: NonNullable<RequestView['records']>): string {
  const named = Object.entries(records).filter(([, rows]) => rows > 0);
  return named.length === 0 ? 'none' : named.map(([name, rows]) => `${count(rows)} ${name}`).join(', ');
}
