/** A collector of traces of a test's own: takes OTLP over HTTP as JSON, and remembers all that it was sent. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface SeenSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  /** milliseconds */
  readonly duration: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly links: readonly string[];
  /** 2 for an error */
  readonly status: number;
}

export interface Collector {
  /** for OTEL_EXPORTER_OTLP_ENDPOINT */
  readonly url: string;
  readonly spans: SeenSpan[];
  /** bodies and headers as they came */
  readonly raw: string[];
  /** of its answers; null: none comes */
  status: number | null;
  close(): Promise<void>;
}

interface Sent {
  readonly resourceSpans: readonly {
    readonly scopeSpans: readonly { readonly spans: readonly SentSpan[] }[];
  }[];
}
interface SentSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly { readonly key: string; readonly value: Readonly<Record<string, unknown>> }[];
  readonly links?: readonly { readonly traceId: string }[];
  readonly status?: { readonly code?: number };
}

export async function startCollector(): Promise<Collector> {
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const body = Buffer.concat(parts).toString('utf8');
      collector.raw.push(JSON.stringify(request.headers), body);
      if (collector.status === null) return;
      if (collector.status === 200 && request.url === '/v1/traces') {
        for (const { scopeSpans } of (JSON.parse(body) as Sent).resourceSpans)
          for (const { spans } of scopeSpans) collector.spans.push(...spans.map(seen));
      }
      response.writeHead(collector.status, { 'content-type': 'application/json' }).end('{}');
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const collector: Collector = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans: [],
    raw: [],
    status: 200,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return collector;
}

function seen(span: SentSpan): SeenSpan {
  const { traceId, spanId, name } = span;
  const attributes = span.attributes.map(({ key, value }) => [key, Object.values(value)[0]] as const);
  return {
    traceId,
    spanId,
    ...(span.parentSpanId === undefined ? {} : { parentSpanId: span.parentSpanId }),
    name,
    duration: Number(BigInt(span.endTimeUnixNano) - BigInt(span.startTimeUnixNano)) / 1e6,
    attributes: Object.fromEntries(attributes),
    links: (span.links ?? []).map((link) => link.traceId),
    status: span.status?.code ?? 0,
  };
}
