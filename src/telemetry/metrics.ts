/**
 * Every metric that Sluice exposes, in one registry. No label names a tenant, a connection or a record: their
 * number has no bound. `process_*` and `nodejs_*` keep the names that ready-made dashboards expect.
 */
import { Gauge, Registry, collectDefaultMetrics } from 'prom-client';
import { createGauges, type FleetState, type PoolUse, type QueueDepth } from './gauges.ts';
import { createRecorder, type Recorder } from './recorder.ts';

export interface Metrics extends Recorder {
  /** Asked at each scrape; a source that fails or is slow leaves its gauges out and is counted. */
  watchQueues(source: () => Promise<readonly QueueDepth[]>): void;
  watchPools(source: () => readonly PoolUse[]): void;
  watchState(source: () => Promise<FleetState>): void;
  /** Facts that don't change, as labels of `sluice_build_info`. */
  describe(build: { version: string; role: string; backend: string }): void;
  /** The Prometheus text exposition format 0.0.4. */
  render(): Promise<{ contentType: string; body: string }>;
  /** What there is, whether it has a value yet or not. */
  list(): MetricDescription[];
}

export interface MetricDescription {
  readonly name: string;
  /** `counter`, `gauge`, `histogram` or `summary` */
  readonly type: string;
  readonly help: string;
  readonly labels: readonly string[];
}

export interface MetricsOptions {
  /** milliseconds that a scrape waits for a source [2000] */
  readonly collectTimeoutMs?: number;
  /** milliseconds for which an answer of a source serves further scrapes [2000] */
  readonly keepMs?: number;
}

export function createMetrics(options: MetricsOptions = {}): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const build = new Gauge({
    name: 'sluice_build_info',
    help: 'Always 1; version, role and backend (postgres or redis) of this process, and of its Node.js, as labels.',
    labelNames: ['version', 'node', 'role', 'backend'],
    registers: [registry],
  });
  const gauges = createGauges(registry, options.collectTimeoutMs ?? 2000, options.keepMs ?? 2000);
  return {
    ...createRecorder(registry),
    watchQueues: (source) => gauges.watchQueues(source),
    watchPools: (source) => gauges.watchPools(source),
    watchState: (source) => gauges.watchState(source),
    describe: (labels) => build.set({ ...labels, node: process.versions.node }, 1),
    async render() {
      await gauges.refresh();
      // prom-client writes `Nan` (two scrapes within one event loop sample); the format's word is `NaN`
      const body = (await registry.metrics()).replaceAll(/ Nan$/gm, ' NaN');
      return { contentType: registry.contentType, body };
    },
    list: () =>
      registry.getMetricsAsArray().map((metric) => {
        const { name, help, type, labelNames } = metric as unknown as Described;
        return { name, type, help, labels: labelNames ?? [] };
      }),
  };
}

/** What prom-client keeps of each metric; its types leave the names of the labels out. */
interface Described {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly labelNames?: readonly string[];
}
