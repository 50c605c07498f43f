/** The inbox of webhooks: its list, and one event with its payload. */
import { clock, count } from '../format.ts';
import type { EventPage } from '../steering-contract.ts';
import type { EventView } from '../../webhooks/history.ts';
import { Cell, Table } from '../table.tsx';
import { connectionPath } from './page.tsx';
import { showPayload } from './payload.ts';

const LOOKS: Readonly<Record<EventView['status'], string>> = {
  received: 'state busy',
  queued: 'state busy',
  waiting: 'state warn',
  processed: 'state ok',
  ignored: 'state',
  dead: 'state bad',
};

export function EventList({ page, filtered }: { page: EventPage; filtered: boolean }) {
  if (page.events.length === 0)
    return (
      <p class="panel">
        {filtered ? (
          'No event fits.'
        ) : (
          <>
            No webhook has come yet. Open a <a href="/connections">connection</a> and register its webhooks,
            or run <code>sluice webhooks register ID</code>; the provider must be able to reach this address.
          </>
        )}
      </p>
    );
  return (
    <Table
      caption="Webhooks that were acknowledged, newest first."
      heads={['Event', 'Connection', 'Status', 'Came', 'Attempts', 'Copies']}
      numbers={['Attempts', 'Copies']}
    >
      {page.events.map((event) => (
        <>
          <tr role="row">
            <th role="rowheader" scope="row">
              <a href={`/events/${event.id}`}>{event.type ?? 'not read yet'}</a>
              <span class="small">{event.id}</span>
            </th>
            <Cell label="Connection">
              <a href={connectionPath(event.connection)}>{event.connection}</a>
            </Cell>
            <Cell label="Status">
              <span class={LOOKS[event.status]}>{event.status}</span>
            </Cell>
            <Cell label="Came">
              <time datetime={event.receivedAt}>{clock(event.receivedAt)}</time>
            </Cell>
            <Cell label="Attempts" number>
              {count(event.attempts)}
            </Cell>
            <Cell label="Copies" number>
              {count(event.duplicates)}
            </Cell>
          </tr>
          {event.error !== null && (
            <tr role="row" class="more">
              <td role="cell" class="error" colspan={6}>
                <code>{event.error.code}</code> {event.error.message} <strong>{event.error.advice}</strong>
              </td>
            </tr>
          )}
        </>
      ))}
    </Table>
  );
}

/** It has ended, and its body is still there. */
export function isReplayable(event: EventView, body: Buffer | null): boolean {
  return body !== null && ['processed', 'ignored', 'dead'].includes(event.status);
}

export function EventDetail({ event, body }: { event: EventView; body: Buffer | null }) {
  const facts: readonly (readonly [string, string | null])[] = [
    ['Provider’s own id', event.eventId],
    ['Came', clock(event.receivedAt)],
    ['Happened', event.occurredAt],
    ['Processed', event.processedAt === null ? null : clock(event.processedAt)],
    ['Waits until', event.waitUntil === null ? null : clock(event.waitUntil)],
    ['Attempts', String(event.attempts)],
    ['About', event.record === null ? event.stream : `${event.stream ?? ''} ${event.record}`],
    ['Outcome', event.outcome === null ? null : JSON.stringify(event.outcome)],
    [
      'Copies',
      event.duplicates === 0
        ? null
        : `${event.duplicates} more, ${event.conflicts} of them with another body`,
    ],
    [
      'Replayed',
      event.replays === 0
        ? null
        : `${event.replays === 1 ? 'once' : `${event.replays} times`}, last by ${event.replayedBy ?? '?'} at ${clock(event.replayedAt ?? '')}`,
    ],
  ];
  return (
    <>
      <div class="panel">
        <p>
          <span class={LOOKS[event.status]}>{event.status}</span> of{' '}
          <a href={connectionPath(event.connection)}>{event.connection}</a>
        </p>
        <dl class="facts">
          {facts.map(
            ([name, value]) =>
              value !== null && (
                <>
                  <dt>{name}</dt>
                  <dd>{value}</dd>
                </>
              ),
          )}
        </dl>
        {event.error !== null && (
          <p class="after">
            <code>{event.error.code}</code> {event.error.message} <strong>{event.error.advice}</strong>
          </p>
        )}
        {isReplayable(event, body) && (
          <p class="buttons">
            <a class="button" href={`/events/${event.id}/replay`}>
              Apply again
            </a>
          </p>
        )}
      </div>
      <section aria-labelledby="payload">
        <h2 id="payload">Payload</h2>
        {body === null ? (
          <p class="panel">It is gone: its retention is over, or its record was purged.</p>
        ) : (
          <Payload body={body} />
        )}
        <p class="muted">
          The request’s headers are not kept: the signature was checked when it came, and nothing else of them
          is needed.
        </p>
      </section>
    </>
  );
}

function Payload({ body }: { body: Buffer }) {
  const { form, text, bytes, left } = showPayload(body);
  return (
    <>
      <p class="muted">
        {count(bytes)} bytes{form === 'hex' && ', not UTF-8, as hexadecimal'}
        {left > 0 && `; the last ${count(left)} are not shown`}
      </p>
      <pre class="payload" tabindex={0} aria-label="Payload of the event">
        {text}
      </pre>
    </>
  );
}
