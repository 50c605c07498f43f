/** The records of a stream: pages by id, search by the beginning of an id and by a text in the body. */
import type { SearchPage } from '../../sync/record-search.ts';
import { age, clock, count } from '../format.ts';
import { Cell, Table } from '../table.tsx';
import type { RecordsRequest } from './contract.ts';
import { State, Trail } from './parts.tsx';
import { paths, withQuery } from './paths.ts';

export interface RecordsPageProps {
  readonly connection: string;
  readonly stream: string;
  readonly now: string;
  readonly page: SearchPage;
  readonly request: RecordsRequest;
}

export function RecordsPage({ connection, stream, now, page, request }: RecordsPageProps) {
  const path = paths.stream(connection, stream);
  const { prefix, text, deleted, after } = request;
  const query = { prefix, text, deleted: deleted ? 'on' : undefined };
  const searching = prefix !== '' || text !== '';
  return (
    <main>
      <Trail
        above={[
          ['/connections', 'Connections'],
          [paths.connection(connection), connection],
        ]}
      />
      <div class="titled">
        <h1>Records of {stream}</h1>
        <a href={paths.rejected(connection, stream)}>Rejected records</a>
      </div>
      <form class="filters" method="get" action={path} role="search">
        <label>
          Id begins with
          <input
            type="text"
            name="prefix"
            value={prefix}
            autocomplete="off"
            spellcheck={false}
            maxlength={300}
          />
        </label>
        <label>
          Text in the record
          <input type="text" name="text" value={text} autocomplete="off" spellcheck={false} maxlength={300} />
        </label>
        <label class="tick">
          <input type="checkbox" name="deleted" checked={deleted} /> deleted ones too
        </label>
        <button type="submit" class="quiet">
          Search
        </button>
      </form>
      {page.found.length === 0 ? (
        <p class="panel">
          {!searching
            ? after === undefined
              ? 'No record is mirrored yet. The first run that succeeds brings them.'
              : 'There is nothing more.'
            : `None of the ${count(page.lookedAt)} records looked at fits.`}
        </p>
      ) : (
        <Table
          caption={
            searching
              ? `${count(page.found.length)} found among ${count(page.lookedAt)} looked at, by id`
              : 'By id'
          }
          heads={['Id', 'Record', 'Changed']}
          numbers={[]}
        >
          {page.found.map((record) => (
            <tr role="row">
              <th role="rowheader" scope="row">
                <a class="mono" href={paths.record(connection, stream, record.id)}>
                  {record.id}
                </a>
              </th>
              <Cell label="Record" roomy>
                <span class="mono wrap faint">{record.beginning}</span>
              </Cell>
              <Cell label="Changed">
                <time datetime={record.changedAt} title={clock(record.changedAt)}>
                  {age(record.changedAt, now)}
                </time>
                {record.deletedAt !== null && <State value="deleted" />}
              </Cell>
            </tr>
          ))}
        </Table>
      )}
      <p class="pages">
        {after !== undefined && <a href={withQuery(path, query)}>From the beginning</a>}
        {page.next !== null && (
          <a href={withQuery(path, { ...query, after: page.next })}>
            {searching ? 'Search on' : 'Next page'}
          </a>
        )}
      </p>
    </main>
  );
}
