/** The records of a stream that could not be mirrored, each with the reason. */
import type { RejectedLine } from '../../sync/rejected-page.ts';
import { count } from '../format.ts';
import { Trail, When } from './parts.tsx';
import { paths } from './paths.ts';

export interface RejectedPageProps {
  readonly connection: string;
  readonly stream: string;
  readonly now: string;
  readonly lines: readonly RejectedLine[];
  readonly next: number | null;
  readonly before: number | undefined;
}

export function RejectedPage({ connection, stream, now, lines, next, before }: RejectedPageProps) {
  const path = paths.rejected(connection, stream);
  return (
    <main>
      <Trail
        above={[
          ['/connections', 'Connections'],
          [paths.connection(connection), connection],
          [paths.stream(connection, stream), stream],
        ]}
      />
      <h1>Rejected records of {stream}</h1>
      <p class="muted">
        They came from the provider and don’t fit what it documents, so they are kept here and not mirrored.
        The rest of their page went on.
      </p>
      {lines.length === 0 ? (
        <p class="panel fine">{before === undefined ? 'None.' : 'There is nothing more.'}</p>
      ) : (
        <ol class="changes">
          {lines.map((line) => (
            <li class="panel">
              <p>
                <strong class="mono wrap">{line.id ?? 'no readable id'}</strong>{' '}
                <span class="muted">
                  <When at={line.rejectedAt} now={now} />, in run{' '}
                  <a class="mono" href={paths.run(line.run)}>
                    {line.run.slice(0, 8)}
                  </a>
                </span>
              </p>
              <p>{line.reason}</p>
              <details>
                <summary>As received, {count(line.bytes)} bytes</summary>
                <pre tabindex={0} role="region" aria-label={`Rejected record ${line.number} as received`}>
                  <code>
                    {line.beginning}
                    {line.bytes > line.beginning.length && '…'}
                  </code>
                </pre>
              </details>
            </li>
          ))}
        </ol>
      )}
      <p class="pages">
        {before !== undefined && <a href={path}>Newest</a>}
        {next !== null && <a href={`${path}?before=${next}`}>Older</a>}
      </p>
    </main>
  );
}
