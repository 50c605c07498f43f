/** What stands in `deploy/` and in docs/operations.md speaks of metrics and alerts that exist. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { createMetrics } from '../../src/telemetry/metrics.ts';

interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly labels?: { readonly severity?: string };
  readonly annotations?: { readonly summary?: string; readonly runbook_url?: string };
}
interface Dashboard {
  readonly panels: readonly {
    readonly title: string;
    readonly targets?: readonly { readonly expr: string }[];
  }[];
}

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const { groups } = parse(read('deploy/prometheus/alerts.yaml')) as {
  groups: readonly { readonly rules: readonly Alert[] }[];
};
const alerts = groups.flatMap(({ rules }) => rules);
const dashboard = JSON.parse(read('deploy/grafana/sluice.json')) as Dashboard;
const operations = read('docs/operations.md');
const metrics = new Map(
  createMetrics()
    .list()
    .map((metric) => [metric.name, metric]),
);
/** Labels that Prometheus adds to whatever it scrapes. */
const TARGET_LABELS = ['job', 'instance', 'le'];

const queries: readonly (readonly [string, string])[] = [
  ...alerts.map(({ alert, expr }) => [alert, expr] as const),
  ...dashboard.panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => [title, expr] as const)),
  ...[
    ...read('docs/metrics.md')
      .split('## Questions')[1]!
      .matchAll(/\| `([^`]+)`/g),
  ].map(([, expr = '']) => ['docs/metrics.md', expr] as const),
];

describe.each(queries)('%s: %s', (_name, query) => {
  it('names metrics and labels that exist', () => {
    const named = [...query.matchAll(/\b((?:sluice|nodejs|process)_[a-z0-9_]+)(?:\{([^}]*)\})?/g)];
    expect(named.length).toBeGreaterThan(0);
    const known = new Set(TARGET_LABELS);
    for (const [, name = '', selector = ''] of named) {
      const metric = metrics.get(name) ?? metrics.get(name.replace(/_(?:bucket|sum|count)$/, ''));
      expect(metric, name).toBeDefined();
      if (metric?.name !== name) expect(metric?.type, name).toBe('histogram');
      const labels = [...(metric?.labels ?? []), ...TARGET_LABELS];
      for (const label of labels) known.add(label);
      for (const [, label] of selector.matchAll(/([a-z_]+)\s*(?:=~|!~|!=|=)/g))
        expect(labels).toContain(label);
    }
    for (const [, list = ''] of query.matchAll(/\bby \(([^)]*)\)/g))
      for (const label of list.split(',')) expect([...known]).toContain(label.trim());
  });

  it('closes what it opens', () => {
    const open: string[] = [];
    for (const sign of query.replaceAll(/"[^"]*"/g, '')) {
      if ('([{'.includes(sign)) open.push(sign);
      if (')]}'.includes(sign)) expect(open.pop()).toBe('([{'[')]}'.indexOf(sign)]);
    }
    expect(open).toEqual([]);
  });
});

describe('the alerts', () => {
  it('have a severity, a summary and the runbook section of their own name', () => {
    for (const { alert, labels, annotations } of alerts) {
      expect(['info', 'warning', 'critical'], alert).toContain(labels?.severity);
      expect(annotations?.summary, alert).toMatch(/\.$/);
      expect(annotations?.runbook_url, alert).toBe(`docs/operations.md#${alert.toLowerCase()}`);
    }
  });

  it('are the sections of docs/operations.md, in this order, and each says something', () => {
    const section = operations.split('\n## Alerts\n')[1]?.split('\n## ')[0] ?? '';
    const parts = section.split('\n### ').slice(1);
    expect(parts.map((part) => part.split('\n')[0])).toEqual(alerts.map(({ alert }) => alert));
    for (const part of parts) expect(part.split('\n').slice(1).join('').trim().length).toBeGreaterThan(15);
  });
});

it('every link within docs/operations.md leads to a section', () => {
  const anchors = [...operations.matchAll(/^#{2,3} (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, '')
      .replaceAll(' ', '-'),
  );
  const links = [...operations.matchAll(/\]\(#([^)]+)\)/g)].map(([, anchor]) => anchor);
  expect(links.length).toBeGreaterThan(10);
  for (const link of links) expect(anchors).toContain(link);
});
