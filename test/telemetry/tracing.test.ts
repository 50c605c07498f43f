/** What a collector is told of a fleet's work, and what it is never told. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from '../../src/package-root.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { openTracing } from '../../src/telemetry/tracing.ts';
import { startCollector, type Collector, type SeenSpan } from '../support/collector.ts';
import { startFleet, waitFor, type Fleet } from '../support/fleet.ts';
import { startTinyProvider, tinyStream, type TinyProvider } from '../support/tiny-provider.ts';
import { luccaEvent, send, startIntake, WEBHOOK_SECRET, type TestIntake } from '../support/webhooks.ts';
import { scrape } from './exposition.ts';

const CLIENT_SECRET = 'canary+client/secret=1 of a trace';
const IN_QUERY = 'canary-in-a-query';
const IN_RECORD = 'canary-in-a-record';
const IN_ERROR = 'canary-in-an-error';
const IN_WEBHOOK = 'canary-in-a-webhook';

describe('traces', () => {
  const log: string[] = [];
  let collector: Collector;
  let tiny: TinyProvider;
  let fleet: Fleet;
  let intake: TestIntake;

  beforeAll(async () => {
    collector = await startCollector();
    tiny = await startTinyProvider([tinyStream('things'), tinyStream('broken')]);
    tiny.answer = (url) => {
      if (url.pathname.endsWith('/broken'))
        return { status: 400, body: { title: IN_ERROR, detail: IN_ERROR } };
      return url.searchParams.get('cursor') === null
        ? { body: { items: [{ id: '1', name: IN_RECORD }], next: `${url.pathname}?cursor=${IN_QUERY}` } }
        : { body: { items: [{ id: '2', name: IN_RECORD }], next: null } };
    };
    fleet = await startFleet({
      log,
      providers: [tiny.definition],
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url },
    });
    const credentials = { clientId: 'client', clientSecret: CLIENT_SECRET };
    await fleet.connect('tiny', { ...tiny.connection, credentials });
    await fleet.connect('acme', {
      credentials: { ...fleet.lucca.credentials, webhookSecret: WEBHOOK_SECRET },
      streams: ['employees'],
    });
    intake = await startIntake(fleet.runtime);
  });
  afterAll(async () => {
    await intake.close();
    await fleet.close();
    await tiny.close();
    await collector.close();
  });

  const told = (isIt: (span: SeenSpan) => boolean): Promise<SeenSpan> =>
    waitFor(
      () => collector.spans.find(isIt),
      30_000,
      () => `no such span: ${JSON.stringify(collector.spans)}`,
    );

  it("show a run as one trace, under the run's id, from the queue to each request", async () => {
    const run = await fleet.sync('tiny', { streams: ['things'] });
    expect(run.status).toBe('succeeded');
    const traceId = run.id.replaceAll('-', '');
    const root = await told((span) => span.traceId === traceId && span.name === 'run');
    await told((span) => span.traceId === traceId && span.name === 'streams job');
    const spans = collector.spans.filter((span) => span.traceId === traceId);
    const named = (name: string): SeenSpan[] => spans.filter((span) => span.name === name);
    expect(root.parentSpanId).toBeUndefined();
    expect(root.attributes).toMatchObject({
      'sluice.connection.id': 'tiny',
      'sluice.run.status': 'succeeded',
    });
    expect(named('run enqueue')).toMatchObject([{ parentSpanId: root.spanId }]);
    expect(named('runs job').length).toBeGreaterThan(0);
    const [job] = named('streams job');
    expect(job).toMatchObject({
      parentSpanId: root.spanId,
      status: 0,
      attributes: { 'sluice.stream': 'things' },
    });
    expect(named('page fetch').map((span) => span.parentSpanId)).toEqual([job?.spanId, job?.spanId]);
    expect(named('page commit')).toHaveLength(2);
    const fetches = named('page fetch').map((span) => span.spanId);
    const requests = named('GET');
    expect(requests.map((span) => String(span.parentSpanId)).toSorted()).toEqual(fetches.toSorted());
    expect(requests.map((span) => span.attributes['url.path'])).toEqual([
      '/api/things',
      '/api/things?cursor=…',
    ]);
    expect(requests[0]?.attributes['http.response.status_code']).toBe(200);
    expect(named('token request')).toMatchObject([{ parentSpanId: fetches[0] }]);
    expect(root.duration).toBeGreaterThanOrEqual(job?.duration ?? Infinity);
  });

  it('follow a webhook from its receipt to its end, and link it to the request that brought it', async () => {
    const body = luccaEvent({ topic: 'employee.updated', data: { id: '1', name: IN_WEBHOOK } });
    expect((await send(`${intake.url}/acme?secret=${IN_QUERY}`, body)).status).toBe(200);
    const job = await told((span) => span.name === 'webhooks job');
    const begin = await told((span) => span.name === 'webhook intake');
    const request = await told((span) => span.name === 'http request');
    expect(job).toMatchObject({ traceId: begin.traceId, parentSpanId: begin.spanId });
    expect(begin).toMatchObject({ links: [request.traceId], attributes: { 'sluice.connection.id': 'acme' } });
    expect(request.attributes).toMatchObject({
      'http.route': '/webhooks/:connection',
      'http.response.status_code': 200,
    });
  });

  it('mark what failed by its code', async () => {
    const run = await fleet.sync('tiny', { streams: ['broken'] });
    expect(run.status).toBe('failed');
    const failed = await told((span) => span.name === 'page fetch' && span.status === 2);
    expect(failed.attributes['error.type']).toBe('provider_refused');
    await told((span) => span.name === 'run' && span.status === 2);
  });

  it('hold no secret, no record and no message, and providers hear nothing of them', () => {
    const all = collector.raw.join('\n');
    const bearers = tiny.headers.flatMap(({ authorization }) => authorization?.split(' ')[1] ?? []);
    expect(bearers.length).toBeGreaterThan(2);
    const secrets = [CLIENT_SECRET, WEBHOOK_SECRET, IN_QUERY, IN_RECORD, IN_ERROR, IN_WEBHOOK, ...bearers];
    const key = fleet.env.SLUICE_ENCRYPTION_KEYS?.split(':')[1] ?? '';
    expect(key.length).toBeGreaterThan(40);
    for (const secret of [...secrets, key, String(fleet.lucca.credentials.clientSecret)]) {
      for (const form of [secret, encodeURIComponent(secret), ...inBase64(secret)])
        expect(all.includes(form), `${secret} as ${form}`).toBe(false);
    }
    for (const headers of tiny.headers)
      expect(Object.keys(headers).filter((name) => /^(?:trace|baggage|b3|x-b3)/.test(name))).toEqual([]);
  });

  it('that can not be sent cost no work, one line of the log and a count', async () => {
    const count = async (outcome: string): Promise<number> =>
      (await scrape(fleet.runtime.metrics)).value('sluice_trace_spans_total', { outcome }) ?? 0;
    const lines = (): string[] => log.filter((line) => line.includes('"traces '));
    collector.status = 400;
    for (let time = 1; time <= 2; time += 1) {
      const before = await count('failed');
      expect((await fleet.sync('tiny', { streams: ['things'] })).status).toBe('succeeded');
      await waitFor(async () => ((await count('failed')) > before ? true : undefined), 30_000);
    }
    expect(lines()).toHaveLength(1);
    expect(lines()[0]).toContain('traces are lost');
    collector.status = 200;
    const before = await count('ok');
    await fleet.sync('tiny', { streams: ['things'] });
    await waitFor(async () => ((await count('ok')) > before ? true : undefined), 30_000);
    expect(lines()).toHaveLength(2);
  }, 120_000);
});

/** As it stands within the base64 of a longer text, whatever comes before it. */
function inBase64(secret: string): string[] {
  return [0, 1, 2].map((before) => {
    const text = Buffer.from('x'.repeat(before) + secret).toString('base64');
    return text.slice(before === 0 ? 0 : 4, text.length - 4);
  });
}

describe('a process that stops', () => {
  const open = (endpoint: string) =>
    openTracing({
      endpoint,
      process: {},
      logger: createLogger({ level: 'silent' }),
      onExport: () => undefined,
    });

  it('sends what is left', async () => {
    const collector = await startCollector();
    const tracing = await open(`${collector.url}/`);
    await tracing.span({ name: 'the last' }, async () => undefined);
    await tracing.close();
    expect(collector.spans.map(({ name }) => name)).toEqual(['the last']);
    await collector.close();
  });

  it('waits for no collector that does not answer', async () => {
    const collector = await startCollector();
    collector.status = null;
    const tracing = await open(collector.url);
    await tracing.span({ name: 'the last' }, async () => undefined);
    const began = performance.now();
    await tracing.close();
    expect(performance.now() - began).toBeLessThan(15_000);
    expect(collector.raw.length).toBeGreaterThan(0);
    await collector.close();
  }, 60_000);
});

it('without a collector the SDK of OpenTelemetry is not loaded', async () => {
  const script = `await import(${JSON.stringify(join(packageRoot, 'dist/src/runtime.js'))});
    await import(${JSON.stringify(join(packageRoot, 'dist/src/web/app.js'))});
    const { createRequire } = await import('node:module');
    const loaded = Object.keys(createRequire(process.cwd() + '/x.js').cache);
    console.log(JSON.stringify({ all: loaded.length, ours: loaded.filter((path) => /@opentelemetry.(?!api.)/.test(path)) }));`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
    cwd: packageRoot,
  });
  // prom-client brings the API along, which does nothing by itself
  const { all, ours } = JSON.parse(stdout) as { all: number; ours: string[] };
  expect(all).toBeGreaterThan(10);
  expect(ours).toEqual([]);
});
