/**
 * Throughput and failures over time. A script draws the plots from `/activity`; the same numbers stand below
 * as a table, for whoever can't see a plot or runs no script.
 */
import type { HourView } from '../../sync/activity.ts';
import { count } from '../format.ts';
import { Cell, Table } from '../table.tsx';
import { Alarm } from './runs-table.tsx';

export function Plots({ hours }: { hours: readonly HourView[] }) {
  const sum = (field: Exclude<keyof HourView, 'at'>): number =>
    hours.reduce((total, hour) => total + hour[field], 0);
  const busy = hours.filter((hour) => hour.requests + hour.succeeded + hour.partial + hour.failed > 0);
  return (
    <section aria-labelledby="activity">
      <div class="titled">
        <h2 id="activity">Last {hours.length} hours</h2>
        <p class="muted">
          {count(sum('added') + sum('updated') + sum('deleted'))} changes by{' '}
          {count(sum('succeeded') + sum('partial') + sum('failed'))} runs, {count(sum('failed'))} failed
        </p>
      </div>
      <div class="plots" id="plots" hidden>
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
