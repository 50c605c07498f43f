/** What stands in `deploy/` and in docs/operations.md speaks of metrics and alerts that exist. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { packageRoot } from '../../src/package-root.ts';
import { createMetrics, type MetricDescription } from '../../src/telemetry/metrics.ts';
import { checkQuery, withoutVariables } from './promql.ts';

interface Rule {
  readonly alert: string;
  /** the name of what a recording rule makes, in place of an alert's */
  readonly record?: string;
  readonly expr: string;
  readonly labels?: { readonly severity?: string };
  readonly annotations?: { readonly summary?: string; readonly runbook_url?: string };
}
interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string; readonly legendFormat?: string }[];
  /** of a row that is folded */
  readonly panels?: readonly Panel[];
}

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const file = parse(read('deploy/prometheus/alerts.yaml')) as {
  readonly groups: readonly { readonly rules: readonly Rule[] }[];
};
const rules = file.groups.flatMap((group) => group.rules);
const alerts = rules.filter(({ record }) => record === undefined);
const dashboard = JSON.parse(read('deploy/grafana/sluice.json')) as {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly type: string }[] };
};
const panels = dashboard.panels.flatMap((panel) => [panel, ...(panel.panels ?? [])]);
const operations = read('docs/operations.md');
/** As GitHub, GitLab and Gitea make them of headings. */
const anchors = [...operations.matchAll(/^#{2,3} (.+)$/gm)].map(([, title = '']) =>
  title
    .toLowerCase()
    .replaceAll(/[^\w\s-]/g, '')
    .replaceAll(' ', '-'),
);
const metrics: Map<string, Pick<MetricDescription, 'type' | 'labels'>> = new Map(
  createMetrics()
    .list()
    .map((metric) => [metric.name, metric]),
);
for (const { record, expr } of rules)
  if (record !== undefined)
    metrics.set(record, { type: 'gauge', labels: [...(checkQuery(expr, metrics).labels ?? [])] });

/** Where a query stands, the query, and the text beside it that names labels of its result. */
const queries: readonly (readonly [string, string, string])[] = [
  ...rules.map(
    ({ alert, record, expr, annotations }) =>
      [record ?? alert, expr, Object.values(annotations ?? {}).join(' ')] as const,
  ),
  ...panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr, legendFormat = '' }) => [title, withoutVariables(expr), legendFormat] as const),
  ),
  ...[
    ...read('docs/metrics.md')
      .split('## Questions')[1]!
      .matchAll(/\| `([^`]+)`/g),
  ].map(([, expr = '']) => ['docs/metrics.md', expr, ''] as const),
];

describe.each(queries)('%s: %s', (_name, query, told) => {
  it('is PromQL, and asks for series and labels that exist', () => {
    expect(checkQuery(query, metrics).problems).toEqual([]);
  });

  it('has the labels that its text names', () => {
    const labels = [...(checkQuery(query, metrics).labels ?? [])];
    for (const [, label] of told.matchAll(/\{\{\s*(?:\$labels\.)?([a-z_]+)\s*(?:\||\}\})/g))
      expect(labels).toContain(label);
  });
});

it('every query of rules and panels is among those that are checked', () => {
  const texts = [read('deploy/prometheus/alerts.yaml'), read('deploy/grafana/sluice.json')];
  const written = texts.flatMap((text) => [...text.matchAll(/^\s*(?:- )?"?expr"?:/gm)]).length;
  expect(queries.filter(([name]) => name !== 'docs/metrics.md').length).toBe(written);
  // a variable that asks Prometheus for its values would be a query too
  for (const { type } of dashboard.templating.list) expect(type).toBe('datasource');
});

describe('the alerts', () => {
  it('have a severity, a summary and the runbook section of their own name', () => {
    for (const { alert, labels, annotations } of alerts) {
      expect(['info', 'warning', 'critical'], alert).toContain(labels?.severity);
      expect(annotations?.summary, alert).toMatch(/\.$/);
      expect(annotations?.runbook_url, alert).toBe(`docs/operations.md#${alert.toLowerCase()}`);
    }
  });

  it('lead from a mail to their section, once the line of the documentation has put an address in', () => {
    const [, line = ''] = /```sh\n( *RUNBOOK=[^`]*)```/.exec(operations) ?? [];
    const address = /RUNBOOK=(\S+)/.exec(line)?.[1] ?? '';
    expect(address).toMatch(/^https:\/\/.*\/docs\/operations\.md$/);
    const rules = execFileSync('bash', ['-euc', line.replace('> sluice-alerts.yaml', '')], {
      cwd: packageRoot,
      encoding: 'utf8',
    });
    const links = (parse(rules) as typeof file).groups.flatMap((group) =>
      group.rules.map(({ annotations }) => new URL(annotations?.runbook_url ?? '')),
    );
    expect(links.length).toBe(alerts.length);
    for (const link of links) {
      expect(`${link.origin}${link.pathname}`).toBe(address);
      expect(anchors).toContain(link.hash.slice(1));
    }
  });

  it('see the first occurrence: a labelled series begins with it, and increase() finds nothing in that', () => {
    const first = alerts.filter(({ expr }) => /\bincrease\(.*> 0\b/s.test(expr));
    expect(first.length).toBeGreaterThan(2);
    for (const { alert, expr } of first) {
      const [, name = '', range] = /increase\((\w+)[^[]*\[(\w+)\]/.exec(expr) ?? [];
      // one without labels stands at 0 from the start
      if ((metrics.get(name)?.labels.length ?? 0) > 0)
        expect(expr, alert).toMatch(
          new RegExp(`or sum\\(${name}\\S* unless ${name}\\S* offset ${range}\\) > 0`),
        );
    }
  });

  it('are the sections of docs/operations.md, in this order, and each says something', () => {
    const section = operations.split('\n## Alerts\n')[1]?.split('\n## ')[0] ?? '';
    const parts = section.split('\n### ').slice(1);
    expect(parts.map((part) => part.split('\n')[0])).toEqual(alerts.map(({ alert }) => alert));
    for (const part of parts) expect(part.split('\n').slice(1).join('').trim().length).toBeGreaterThan(15);
  });
});

it('each section of an alert begins with one thing to do, a command and how its answer looks', () => {
  const section = operations.split('\n## Alerts\n')[1]?.split('\n## ')[0] ?? '';
  for (const part of section.split('\n### ').slice(1)) {
    expect(part.match(/\*\*First:\*\*/g), part).toHaveLength(1);
    const [, said = ''] = /^\w+\n\n\*\*First:\*\* `(?:sluice|curl) [^`]+`([^]*?)\n\n/.exec(part) ?? [];
    // more than the command alone: what is to be seen
    expect(said.length, part).toBeGreaterThan(40);
  }
});

it('every command of docs/operations.md is one of docs/commands.md, with flags that it has', () => {
  const documented = read('docs/commands.md');
  const named = [...operations.matchAll(/`sluice ([a-z]+(?: [a-z]+)?)([^`]*)`/g)];
  expect(named.length).toBeGreaterThan(40);
  for (const [text, command = '', rest = ''] of named) {
    expect(documented, text).toMatch(new RegExp(`sluice ${command}\\b`));
    for (const [flag] of rest.matchAll(/--[a-z-]+/g)) expect(documented, text).toContain(flag);
  }
});

it('every link within docs/operations.md leads to a section', () => {
  const links = [...operations.matchAll(/\]\(#([^)]+)\)/g)].map(([, anchor]) => anchor);
  expect(links.length).toBeGreaterThan(10);
  for (const link of links) expect(anchors).toContain(link);
});
