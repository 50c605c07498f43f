/** Runs as a table: on the overview, on the page of a connection, in the list of runs. */
import type { RunView } from '../../sync/history.ts';
import { count, duration } from '../format.ts';
import { Cell, Table } from '../table.tsx';
import { State, Trouble, When } from './parts.tsx';
import { paths } from './paths.ts';

type Sum = 'added' | 'updated' | 'deleted' | 'rejected';

const NUMBERS = ['Took', 'Added', 'Updated', 'Deleted', 'Rejected', 'Requests', 'Tokens'];

export function RunsTable(props: { runs: readonly RunView[]; now: string; caption: string }) {
  const { runs, now, caption } = props;
  const heads = ['Run', 'Status', 'Began', ...NUMBERS];
  return (
    <Table caption={caption} heads={heads} numbers={NUMBERS}>
      {runs.map((run) => (
        <>
          <tr role="row">
            <th role="rowheader" scope="row">
              <a href={paths.run(run.id)}>
                {run.connection}
                <span class="small mono">{run.id.slice(0, 8)}</span>
              </a>
            </th>
            <Cell label="Status">
              <State value={run.status} />
              <span class="small">{triggerWords(run.trigger)}</span>
            </Cell>
            <Cell label="Began">
              {run.startedAt === null ? 'not yet' : <When at={run.startedAt} now={now} />}
            </Cell>
            <Cell label="Took" number>
              {tookWords(run, now)}
            </Cell>
            {(['added', 'updated', 'deleted'] as const).map((field) => (
              <Cell label={field.charAt(0).toUpperCase() + field.slice(1)} number>
                {count(sumOf(run, field))}
              </Cell>
            ))}
            <Cell label="Rejected" number>
              <Alarm value={sumOf(run, 'rejected')} />
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
              <td role="cell" class="error" colspan={heads.length}>
                <Trouble error={run.error} />
              </td>
            </tr>
          )}
        </>
      ))}
    </Table>
  );
}

/** Zero is good: anything else should catch the eye. */
export function Alarm({ value }: { value: number }) {
  return value === 0 ? <>0</> : <span class="alarm">{count(value)}</span>;
}

export function sumOf(run: RunView, field: Sum): number {
  return run.streams.reduce((total, stream) => total + stream[field], 0);
}

export function tookWords(run: RunView, now: string): string {
  if (run.startedAt === null) return '–';
  return duration(Date.parse(run.finishedAt ?? now) - Date.parse(run.startedAt));
}

export function triggerWords(trigger: string): string {
  switch (trigger) {
    case 'schedule':
      return 'by its schedule';
    case 'webhook':
      return 'by a webhook';
    default:
      return `by ${trigger}`;
  }
}
