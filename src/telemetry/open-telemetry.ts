/**
 * Tracing by OpenTelemetry, sent as OTLP over HTTP. Nothing is registered globally: no library of ours or of others adds spans
 * or headers of its own.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, TraceFlags, trace, type Context } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  NodeTracerProvider,
  RandomIdGenerator,
  type IdGenerator,
  type SpanExporter,
} from '@opentelemetry/sdk-trace-node';
import { reportOf } from '../errors.ts';
import type { Span, SpanSpec, TraceSubject, Tracing, TracingOptions } from './tracing.ts';

/** For one batch, its repetitions included, in milliseconds: a process that stops waits for it. */
const EXPORT_MS = 2_000;
const CLOSE_MS = 2_500;
/** Longer values are cut. */
const MAX_VALUE = 500;

type ApiSpan = ReturnType<ReturnType<NodeTracerProvider['getTracer']>['startSpan']>;

export function openOpenTelemetry(options: TracingOptions): Tracing {
  const ids = new GivenIds();
  const provider = new NodeTracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'sluice', ...options.process }),
    idGenerator: ids,
    spanLimits: { attributeValueLengthLimit: MAX_VALUE },
    spanProcessors: [
      new BatchSpanProcessor(watched(exporterTo(options.endpoint), options), {
        exportTimeoutMillis: EXPORT_MS + 500,
      }),
    ],
  });
  const tracer = provider.getTracer('sluice');
  const storage = new AsyncLocalStorage<Context>();

  function begin(spec: SpanSpec, from?: number): { readonly span: ApiSpan; readonly context: Context } {
    const around = storage.getStore() ?? ROOT_CONTEXT;
    const context = spec.of === undefined ? around : contextOf(spec.of);
    const span = tracer.startSpan(
      spec.name,
      {
        kind: kinds[spec.kind ?? 'internal'],
        attributes: { ...spec.attributes },
        links: spec.of === undefined ? [] : linksTo(around, traceIdOf(spec.of)),
        ...(from === undefined ? {} : { startTime: from }),
      },
      context,
    );
    return { span, context: trace.setSpan(context, span) };
  }

  return {
    async span(spec, work) {
      const { span, context } = begin(spec);
      try {
        return await storage.run(context, () => work(described(span)));
      } catch (error) {
        if (spec.expects?.(error) !== true) fail(span, reportOf(error).code);
        throw error;
      } finally {
        span.end();
      }
    },
    record(past) {
      const { span } = begin(past, past.from);
      if (past.error !== undefined) fail(span, past.error);
      span.end(Math.max(past.from, past.to));
    },
    root(subject, past) {
      const traceId = traceIdOf(subject);
      const around = storage.getStore() ?? ROOT_CONTEXT;
      const span = ids.give({ traceId, spanId: rootIdOf(traceId) }, () =>
        tracer.startSpan(
          past.name,
          {
            root: true,
            kind: kinds[past.kind ?? 'internal'],
            attributes: { ...past.attributes },
            links: linksTo(around, traceId),
            startTime: past.from,
          },
          ROOT_CONTEXT,
        ),
      );
      if (past.error !== undefined) fail(span, past.error);
      span.end(Math.max(past.from, past.to));
    },
    async close() {
      const limit = new AbortController();
      const late = sleep(CLOSE_MS, undefined, { signal: limit.signal }).catch(() => undefined);
      // what could not be sent has been said already
      await Promise.race([provider.shutdown().catch(() => undefined), late]);
      limit.abort();
    },
  };
}

const kinds = {
  internal: SpanKind.INTERNAL,
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
} as const;

function described(span: ApiSpan): Span {
  return { set: (attributes) => void span.setAttributes({ ...attributes }) };
}

/** The code alone: a message may quote what a provider or a driver said. */
function fail(span: ApiSpan, code: string): void {
  span.setAttribute('error.type', code);
  span.setStatus({ code: SpanStatusCode.ERROR, message: code });
}

/** A run's id is a UUID, and so as long as a trace's id. */
function traceIdOf(subject: TraceSubject): string {
  const id = 'run' in subject ? subject.run.replaceAll('-', '') : `event ${subject.event}`;
  return /^[0-9a-f]{32}$/.test(id) ? id : digest(id).slice(0, 32);
}

function rootIdOf(traceId: string): string {
  return digest(`root of ${traceId}`).slice(0, 16);
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** As if the root span stood around, which may be told later and by another process. */
function contextOf(subject: TraceSubject): Context {
  const traceId = traceIdOf(subject);
  const root = { traceId, spanId: rootIdOf(traceId), traceFlags: TraceFlags.SAMPLED, isRemote: true };
  return trace.setSpanContext(ROOT_CONTEXT, root);
}

function linksTo(around: Context, traceId: string): { context: ReturnType<ApiSpan['spanContext']> }[] {
  const context = trace.getSpanContext(around);
  return context === undefined || context.traceId === traceId ? [] : [{ context }];
}

/** Random ids, but for a span whose ids follow from its subject's. */
class GivenIds implements IdGenerator {
  readonly #random = new RandomIdGenerator();
  #given: { readonly traceId: string; readonly spanId: string } | undefined;

  /** `start` makes one span, and doesn't wait for anything. */
  give<T>(given: { readonly traceId: string; readonly spanId: string }, start: () => T): T {
    this.#given = given;
    try {
      return start();
    } finally {
      this.#given = undefined;
    }
  }
  // arrow functions, since the SDK may hand them on without their object
  readonly generateTraceId = (): string => this.#given?.traceId ?? this.#random.generateTraceId();
  readonly generateSpanId = (): string => this.#given?.spanId ?? this.#random.generateSpanId();
}

function exporterTo(endpoint: string): SpanExporter {
  return new OTLPTraceExporter({
    url: `${endpoint.replace(/\/+$/, '')}/v1/traces`,
    timeoutMillis: EXPORT_MS,
  });
}

/** Counts batches, and says once that they are lost and once that they arrive again. */
function watched(exporter: SpanExporter, { logger, onExport }: TracingOptions): SpanExporter {
  let lost = false;
  return {
    export(spans, done) {
      exporter.export(spans, (result) => {
        // 0 is success; the enum itself is in a package that we don't depend on
        const failed = Number(result.code) !== 0;
        onExport(failed ? 'failed' : 'ok', spans.length);
        // the error itself may hold the collector's answer
        if (failed && !lost) logger.warn('traces are lost: the collector does not take them');
        if (!failed && lost) logger.info('traces arrive at the collector again');
        lost = failed;
        done(result);
      });
    },
    forceFlush: async () => exporter.forceFlush?.(),
    shutdown: () => exporter.shutdown(),
  };
}
