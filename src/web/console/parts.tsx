/** Small parts that several pages of the console share. */
import type { Child } from 'hono/jsx';
import { exactJson } from '../../exact-json.ts';
import { COUNT_LIMIT } from '../../sync/live-counts.ts';
import { age, clock, count } from '../format.ts';

type Tone = 'ok' | 'warn' | 'bad' | 'busy' | 'calm';

/** The word is what tells; tone and shape only help the eye. */
const TONES: Readonly<Record<string, Tone>> = {
  active: 'ok',
  succeeded: 'ok',
  cached: 'ok',
  partial: 'warn',
  held: 'warn',
  rejected: 'warn',
  narrowed: 'warn',
  cooling: 'warn',
  unknown: 'warn',
  inactive: 'warn',
  paused: 'calm',
  needs_reconnect: 'bad',
  needs_attention: 'bad',
  failed: 'bad',
  failing: 'bad',
  dead: 'bad',
  suspended: 'bad',
  missing: 'bad',
  webhooks_down: 'bad',
  running: 'busy',
  waiting: 'busy',
};

export function toneOf(value: string): Tone {
  return TONES[value] ?? 'calm';
}

export function State({ value, tone }: { value: string; tone?: Tone }) {
  return <span class={`state ${tone ?? toneOf(value)}`}>{value.replaceAll('_', ' ')}</span>;
}

/** Advice marks commands by backticks. */
export function Advice({ text }: { text: string }) {
  return <>{text.split('`').map((part, index) => (index % 2 === 1 ? <code>{part}</code> : part))}</>;
}

export function When({ at, now }: { at: string; now: string }) {
  return (
    <time datetime={at} title={clock(at)}>
      {age(at, now)}
    </time>
  );
}

/** A number that was counted no further than `COUNT_LIMIT`. */
export function upTo(rows: number): string {
  return rows > COUNT_LIMIT ? `${count(COUNT_LIMIT)}+` : count(rows);
}

/** Of a connection's streams in a list the largest are named, unless only one would be left out. */
const STREAMS_NAMED = 4;

/** The sum, and below it each stream's part where there are several. */
export function Records({ records }: { records: Readonly<Record<string, number>> }) {
  const streams = Object.entries(records);
  if (streams.length === 0) return <>none yet</>;
  const open = streams.some(([, rows]) => rows > COUNT_LIMIT);
  const total = streams.reduce((sum, [, rows]) => sum + Math.min(rows, COUNT_LIMIT), 0);
  const [first] = streams;
  const most = streams.length > STREAMS_NAMED + 1 ? STREAMS_NAMED : streams.length;
  const named = streams.toSorted(([, one], [, other]) => other - one).slice(0, most);
  return (
    <>
      {count(total)}
      {open && '+'}
      <span class="small">
        {streams.length === 1
          ? first?.[0]
          : named.map(([stream, rows]) => `${stream} ${upTo(rows)}`).join(', ')}
        {streams.length > named.length && `, and ${streams.length - named.length} more streams`}
      </span>
    </>
  );
}

/** An error as a person needs it. */
export function Trouble({ error }: { error: { code: string; message: string; advice: string } }) {
  return (
    <>
      <code>{error.code}</code> {error.message} <strong>Do this:</strong> <Advice text={error.advice} />
    </>
  );
}

/** Names and values, side by side. */
export function Facts({ children }: { children?: Child }) {
  return <dl class="facts">{children}</dl>;
}

export function Fact({ name, children }: { name: string; children?: Child }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** Where the page stands: the pages above it. */
export function Trail({ above }: { above: readonly (readonly [path: string, name: string])[] }) {
  return (
    <nav class="trail" aria-label="Above this page">
      <ol>
        {above.map(([path, name]) => (
          <li>
            <a href={path}>{name}</a>
          </li>
        ))}
      </ol>
    </nav>
  );
}

/** A value as JSON, for reading. */
export function Json({ value, label }: { value: unknown; label: string }) {
  return (
    <pre tabindex={0} role="region" aria-label={label}>
      <code>{exactJson(value, 2)}</code>
    </pre>
  );
}

/**
 * Says when what stands here was read, and leads to a newer reading where no script does that. The script writes into
 * the status whether the page is kept up to date.
 */
export function AsOf({ now, path, children }: { now: string; path: string; children?: Child }) {
  return (
    <p class="muted asof">
      <span data-live="asof">
        As of <time datetime={now}>{clock(now)}</time>
        {children}
      </span>
      <a href={path} id="refresh">
        Refresh
      </a>
      <span id="live" role="status"></span>
    </p>
  );
}
