/** The streams of a connection: how each is read, what is there, what changed last. */
import { count } from '../format.ts';
import type { StreamGlance } from '../../sync/stream-glance.ts';
import { Cell, Table } from '../table.tsx';
import type { ConnectionPageView } from './contract.ts';
import { State, upTo, When } from './parts.tsx';
import { paths } from './paths.ts';

/** Characters of a cursor that are there to be read. */
const CURSOR = 500;

export function StreamsSection({ view }: { view: ConnectionPageView }) {
  const { connection, streams, records, now } = view;
  const { id } = connection;
  return (
    <section aria-labelledby="streams">
      <h2 id="streams">Streams</h2>
      <Table
        caption="What is mirrored. A name leads to its records"
        heads={['Stream', 'Records', 'Last success', 'Last change', 'Reads', 'Cursor']}
        numbers={['Records']}
      >
        {streams.map((stream) => (
          <tr role="row">
            <th role="rowheader" scope="row">
              <a href={paths.stream(id, stream.name)}>{stream.name}</a>
              {stream.parent !== null && <span class="small">one list for each of {stream.parent}</span>}
              {!stream.chosen && <span class="small">no longer mirrored</span>}
            </th>
            <Cell label="Records" number>
              {upTo(records[stream.name] ?? 0)}
              {stream.hasRejected && (
                <a class="small" href={paths.rejected(id, stream.name)}>
                  rejected records
                </a>
              )}
            </Cell>
            <Cell label="Last success">
              {stream.lastSuccessAt === null ? 'never' : <When at={stream.lastSuccessAt} now={now} />}
              {stream.forbidden !== null && <Forbidden stream={stream} now={now} />}
            </Cell>
            <Cell label="Last change">
              {stream.lastChange === null ? 'none' : <LastChange change={stream.lastChange} now={now} />}
            </Cell>
            <Cell label="Reads">
              {wayWords(stream)}
              {stream.detect !== 'full' && stream.lastFullAt !== null && (
                <span class="small">
                  complete pass <When at={stream.lastFullAt} now={now} />
                </span>
              )}
            </Cell>
            <Cell label="Cursor" roomy>
              {stream.restart ? 'begins anew' : <Cursor value={stream.cursor} />}
            </Cell>
          </tr>
        ))}
      </Table>
    </section>
  );
}

function Forbidden({ stream: { forbidden }, now }: { stream: StreamGlance; now: string }) {
  if (forbidden === null) return <></>;
  return (
    <span class="small">
      <State value="refused" tone="warn" /> {forbidden.error?.message} The schedule leaves it out; next try{' '}
      <When at={forbidden.until} now={now} />.
    </span>
  );
}

function LastChange({ change, now }: { change: NonNullable<StreamGlance['lastChange']>; now: string }) {
  return (
    <>
      {change.at === null ? 'no longer kept' : <When at={change.at} now={now} />}
      <span class="small">number {count(change.seq)}</span>
    </>
  );
}

function Cursor({ value }: { value: unknown }) {
  if (value === null || value === undefined) return <>–</>;
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  const shown = text.length > CURSOR ? `${text.slice(0, CURSOR)}…` : text;
  return (
    <code class="clip" title={shown}>
      {shown}
    </code>
  );
}

function wayWords({ detect }: StreamGlance): string {
  switch (detect) {
    case 'sequence':
      return 'changes, by number';
    case 'watermark':
      return 'changes, by time';
    case 'full':
      return 'complete';
    case null:
      return '–';
    default:
      return detect;
  }
}
