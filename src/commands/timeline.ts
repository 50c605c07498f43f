/** The timeline of one run as a person reads it: a table, one line a request or a wait. */
import type { EntryView, RequestView, TimelineView, WaitView } from '../sync/timeline.ts';
import { bold, dim, paintStatus, red, say, table } from './io.ts';

const HEADER = ['TIME', 'STREAM', 'STATUS', 'TOOK', 'TRY', 'WAITED', 'PAGE', 'RECORDS', 'TOKEN', 'REQUEST'];

const requestWaits: Readonly<Record<RequestView['waits'][number]['reason'], string>> = {
  rate_limit: 'rate limit',
  quick_retry: 'quick retry',
  replay: 'new token after 401',
  token: 'token',
};

const streamWaits: Readonly<Record<WaitView['reason'], string>> = {
  backoff: 'backs off',
  rate_limit: 'rate limit: waits',
  retry_after: 'as the provider asks: waits',
  not_ready: 'not ready yet: waits',
  lease: 'another run writes this stream: waits',
  token: 'no token: waits',
  shutdown: 'worker stopped: waits',
};

/** Says nothing where nothing was asked. */
export function printTimeline({ timeline, timelineOmitted }: TimelineView): void {
  const [first] = timeline;
  if (first === undefined) return;
  const day = first.at.slice(0, 10);
  const oneDay = timeline.every(({ at }) => at.startsWith(day));
  const time = (at: string): string => at.slice(oneDay && at.startsWith(day) ? 11 : 5, -1).replace('T', ' ');
  say();
  say(`${bold('Timeline')}  ${oneDay ? `${day}, ` : ''}UTC`);
  say(
    table(
      HEADER,
      timeline.map((entry) => line(entry, time)),
    ),
  );
  for (const [stream, count] of Object.entries(timelineOmitted))
    say(dim(`${stream}: ${count} more between the first and the last that are shown; only those are kept`));
}

function line(entry: EntryView, time: (at: string) => string): string[] {
  const { at, stream } = entry;
  if (entry.kind === 'wait') {
    const until = entry.until === null ? 'for a worker' : `until ${time(entry.until)}`;
    const spent = entry.attempt === null ? '' : `, attempt ${entry.attempt} spent`;
    const what = `${streamWaits[entry.reason]} ${until} (${entry.error})${spent}`;
    return [time(at), stream, paintStatus('waiting'), '', '', '', '', '', '', what];
  }
  const { status, error, ms, attempt, waits, page, records, token, path } = entry;
  return [
    time(at),
    stream,
    status === null ? red(error ?? '-') : status >= 400 ? red(String(status)) : String(status),
    duration(ms),
    String(attempt),
    waits.map((wait) => `${duration(wait.ms)} ${requestWaits[wait.reason]}`).join(', '),
    page === null ? '' : String(page),
    records === null ? '' : counts(records),
    token === null ? '-' : token.new ? 'new' : `${token.ageSeconds} s old`,
    // what the values were isn't known: their names are enough for a person
    path.replaceAll('=…', ''),
  ];
}

function counts(records: NonNullable<RequestView['records']>): string {
  const named = Object.entries(records).filter(([, count]) => count > 0);
  return named.length === 0 ? 'none' : named.map(([name, count]) => `${count} ${name}`).join(', ');
}

function duration(ms: number): string {
  return ms < 1_000 ? `${ms} ms` : `${(ms / 1_000).toFixed(1)} s`;
}
