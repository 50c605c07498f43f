/**
 * Traces, as the rest of Sluice knows them. A run and an event have a trace each, and its id follows from theirs: whoever
 * works on one finds the trace again, in any process, after a crash and with an emptied queue, and nothing is carried along.
 */
import type { Logger } from './logger.ts';

export type SpanAttributes = Readonly<Record<string, string | number | boolean | undefined>>;

/** What has a trace of its own. */
export type TraceSubject = { readonly run: string } | { readonly event: string };

export interface SpanSpec {
  /** one of few: ids go into the attributes */
  readonly name: string;
  /** [internal] */
  readonly kind?: 'internal' | 'server' | 'client' | 'producer' | 'consumer';
  /** no secrets, no bodies, no values of queries, no messages of errors */
  readonly attributes?: SpanAttributes;
  /** whose trace it belongs to, with a link to the span around; default: into the span around, or a trace of its own */
  readonly of?: TraceSubject;
  /** which errors are no failures but ways to say something [none] */
  readonly expects?: (error: unknown) => boolean;
}

/** What is over already. Milliseconds of the epoch. */
export interface PastSpan extends SpanSpec {
  readonly from: number;
  readonly to: number;
  /** code of the error in which it ended */
  readonly error?: string | undefined;
}

export interface Span {
  set(attributes: SpanAttributes): void;
}

export interface Tracing {
  /** Does the work inside of a span; an error marks it with its code, and is thrown on. */
  span<T>(spec: SpanSpec, work: (span: Span) => Promise<T>): Promise<T>;
  /** Adds what has been measured elsewhere. */
  record(span: PastSpan): void;
  /** The span that stands over all others of a subject's trace; to be told once. */
  root(subject: TraceSubject, span: PastSpan): void;
  /** Sends what is left, within two seconds or a little more. */
  close(): Promise<void>;
}

export interface TracingOptions {
  /** of the collector, without `/v1/traces` */
  readonly endpoint: string;
  /** says which process it is, on every span */
  readonly process: SpanAttributes;
  readonly logger: Logger;
  readonly onExport: (outcome: 'ok' | 'failed', spans: number) => void;
}

/** Where nobody wants traces: does the work and nothing else. */
export const noTracing: Tracing = {
  span: (_spec, work) => work(noSpan),
  record() {},
  root() {},
  close: async () => {},
};
const noSpan: Span = { set() {} };

/** Loads OpenTelemetry's SDK, which only a process with a collector needs. */
export async function openTracing(options: TracingOptions): Promise<Tracing> {
  const { openOpenTelemetry } = await import('./open-telemetry.ts');
  return openOpenTelemetry(options);
}
