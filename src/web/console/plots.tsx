/**
 * Throughput and failures over time. A script draws the plots from `/activity`; the same numbers stand below
 * as a table, for whoever can't see a plot or runs no script.
 */
import type { HourView, Lately } from '../../sync/activity.ts';
import { count } from '../format.ts';
import { Cell, Table } from '../table.tsx';
import { Alarm } from './runs-table.tsx';

const DAY = 24;
/** Spans to choose from, by their days in the query; the first is the one without it. */
export const SPANS = [
  { days: '1', hours: DAY, word: '24 h', title: 'Last 24 hours' },
  { days: '7', hours: 7 * DAY, word: '7 d', title: 'Last 7 days' },
] as const;

/** The overview with so many hours. */
export function spanPath(hours: number): string {
  const span = SPANS.find((one) => one.hours === hours);
  return span === undefined || span === SPANS[0] ? '/' : `/?days=${span.days}`;
}

export function Plots({ activity: { hours, missing } }: { activity: Lately }) {
  const sum = (field: Exclude<keyof HourView, 'at'>): number =>
    hours.reduce((total, hour) => total + hour[field], 0);
  const busy = hours.filter((hour) => hour.requests + hour.succeeded + hour.partial + hour.failed > 0);
  const span = SPANS.find((one) => one.hours === hours.length);
  return (
    <section aria-labelledby="activity">
      <div class="titled">
        <h2 id="activity">{span?.title ?? `Last ${hours.length} hours`}</h2>
        <nav class="switch" aria-label="Time span of the plots">
          {SPANS.map((one) => (
            <a href={spanPath(one.hours)} aria-current={one === span ? 'true' : undefined}>
              {one.word}
            </a>
          ))}
        </nav>
        <p class="muted">
          {count(sum('added') + sum('updated') + sum('deleted'))} changes by{' '}
          {count(sum('succeeded') + sum('partial') + sum('failed'))} runs, {count(sum('failed'))} failed
        </p>
      </div>
      {missing > 0 && (
        <p class="notice" id="missing">
          {count(missing)} {missing === 1 ? 'hour is' : 'hours are'} still being added up, the older ones
          last, and missing here. Look again in a moment.
        </p>
      )}
      <div class="plots" id="plots" data-hours={hours.length} hidden>
        <figure class="panel">
          <figcaption>Records changed in an hour</figcaption>
          <div data-plot="records"></div>
        </figure>
        <figure class="panel">
          <figcaption>Runs ended in an hour</figcaption>
          <div data-plot="runs"></div>
        </figure>
      </div>
      <details id="activity-table">
        <summary>The same as a table</summary>
        <div data-live="hours">
          <Table
            caption="Each hour in which a run ended, UTC, newest first"
            heads={['Hour', ...NUMBERS]}
            numbers={NUMBERS}
          >
            {busy.toReversed().map((hour) => (
              <tr role="row">
                <th role="rowheader" scope="row">
                  <time datetime={hour.at}>{hour.at.slice(0, 16).replace('T', ' ')}</time>
                </th>
                {(['succeeded', 'partial'] as const).map((field, index) => (
                  <Cell label={NUMBERS[index] ?? ''} number>
                    {count(hour[field])}
                  </Cell>
                ))}
                <Cell label="Failed" number>
                  <Alarm value={hour.failed} />
                </Cell>
                {(['added', 'updated', 'deleted', 'requests'] as const).map((field, index) => (
                  <Cell label={NUMBERS[index + 3] ?? ''} number>
                    {count(hour[field])}
                  </Cell>
                ))}
              </tr>
            ))}
          </Table>
        </div>
      </details>
    </section>
  );
}

const NUMBERS = ['Succeeded', 'Partial, held', 'Failed', 'Added', 'Updated', 'Deleted', 'Requests'];
