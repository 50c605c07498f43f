/**
 * Reads PromQL with the grammar that Prometheus publishes for editors, and says what would make a query answer nothing
 * or something else than it means. The grammar knows no types and no metrics: both come from the registry here.
 */
import type { SyntaxNode } from '@lezer/common';
import { parser } from '@prometheus-io/lezer-promql';
import type { MetricDescription } from '../../src/telemetry/metrics.ts';

/** The metrics there are, by name; what a recording rule makes counts as a gauge. */
export type KnownMetrics = ReadonlyMap<string, Pick<MetricDescription, 'type' | 'labels'>>;

export interface QueryReport {
  /** empty where all is well */
  readonly problems: readonly string[];
  /** those that the result can have; undefined for a scalar */
  readonly labels: ReadonlySet<string> | undefined;
}

/** Labels that Prometheus adds to whatever it scrapes. */
const TARGET_LABELS = ['job', 'instance'];
const OF_COUNTERS = new Set(['rate', 'irate', 'increase', 'resets']);
const OF_GAUGES = new Set(['delta', 'idelta', 'deriv', 'predict_linear']);
const SCALARS = new Set(['time', 'scalar', 'pi']);
/** What Grafana puts in before it asks, each with an example of it. */
const GRAFANA: readonly (readonly [RegExp, string])[] = [
  [/\$__(?:rate_interval|interval|range)\b|\$\{__(?:rate_interval|interval|range)\}/g, '5m'],
  [/\$__range_(?:s|ms)\b/g, '300'],
  [/\$\{\w+(?::\w+)?\}|\$\w+/g, 'any'],
];

export function withoutVariables(query: string): string {
  return GRAFANA.reduce((text, [variable, literal]) => text.replaceAll(variable, literal), query);
}

type Labels = QueryReport['labels'];

export function checkQuery(query: string, metrics: KnownMetrics): QueryReport {
  const problems: string[] = [];
  const text = (node: SyntaxNode): string => query.slice(node.from, node.to);
  const tree = parser.parse(query);
  tree.iterate({
    enter: (node) => {
      if (node.type.isError)
        problems.push(`no PromQL at ${node.from}: ${query.slice(node.from, node.from + 20)}`);
    },
  });
  const root = tree.topNode.firstChild;
  if (root === null || problems.length > 0) return { problems, labels: undefined };

  function selector(node: SyntaxNode): Labels {
    const name = node.getChild('Identifier');
    if (name === null) {
      problems.push(`${text(node)} names no metric`);
      return new Set();
    }
    const series = seriesOf(text(name), metrics);
    if (series === undefined) problems.push(`there is no series ${text(name)}`);
    const labels = new Set([...(series?.labels ?? []), ...TARGET_LABELS]);
    for (const matcher of node.getChild('LabelMatchers')?.getChildren('UnquotedLabelMatcher') ?? []) {
      const label = text(matcher.getChild('LabelName')!);
      if (!labels.has(label)) problems.push(`${text(name)} has no label ${label}`);
    }
    return labels;
  }

  function grouping(node: SyntaxNode): string[] {
    return (node.getChild('GroupingLabels')?.getChildren('LabelName') ?? []).map(text);
  }

  function aggregate(node: SyntaxNode): Labels {
    // the last one: topk and quantile have a number before it
    const inner =
      labelsOf(node.getChild('FunctionCallBody')!.getChildren('Expr').at(-1)!) ?? new Set<string>();
    const modifier = node.getChild('AggregateModifier');
    const named = modifier === null ? [] : grouping(modifier);
    for (const label of named)
      if (!inner.has(label)) problems.push(`${text(node)} groups by ${label}, which isn't there`);
    if (modifier?.getChild('Without')) return new Set([...inner].filter((label) => !named.includes(label)));
    // these two pick series instead of adding them up
    return /^(?:topk|bottomk)$/.test(text(node.getChild('AggregateOp')!)) ? inner : new Set(named);
  }

  function call(node: SyntaxNode): Labels {
    const name = text(node.getChild('FunctionIdentifier')!);
    const given = node.getChild('FunctionCallBody')!.getChildren('Expr');
    const labels = given.map(labelsOf);
    if (OF_COUNTERS.has(name) || OF_GAUGES.has(name)) {
      const series = given[0]?.getChild('VectorSelector')?.getChild('Identifier');
      const type = series ? seriesOf(text(series), metrics)?.type : undefined;
      if (given[0]?.name !== 'MatrixSelector' || !series)
        problems.push(`${name} wants a metric with a range`);
      else if (type !== undefined && (type === 'counter') !== OF_COUNTERS.has(name))
        problems.push(`${name} of ${text(series)}, which is a ${type}`);
    }
    if (name === 'histogram_quantile' && labels[1]?.has('le') !== true)
      problems.push(`histogram_quantile of ${text(given[1] ?? node)}, which keeps no le`);
    if (SCALARS.has(name)) return undefined;
    // of the labels that were asked for, absent has those that an equality names: too fine a point for here
    if (name === 'vector' || name === 'absent') return new Set();
    const first = labels.find((one) => one !== undefined);
    return name === 'histogram_quantile' ? new Set([...(first ?? [])].filter((one) => one !== 'le')) : first;
  }

  function binary(node: SyntaxNode): Labels {
    const [left, right] = node.getChildren('Expr').map(labelsOf);
    if (left === undefined || right === undefined) return left ?? right;
    const matching = node.getChild('MatchingModifierClause');
    if (node.getChild('Or')) return new Set([...left, ...right]);
    if (matching === null) {
      // series match where all their labels are equal: one that only one side has never is
      if (left.size !== right.size || [...left].some((label) => !right.has(label)))
        problems.push(`series by ${[...left].join()} never match series by ${[...right].join()}`);
      return left;
    }
    const named = grouping(matching);
    for (const label of named)
      if (!left.has(label) && !right.has(label)) problems.push(`no side has the label ${label} to match by`);
    return left;
  }

  function labelsOf(node: SyntaxNode): Labels {
    switch (node.name) {
      case 'VectorSelector':
        return selector(node);
      case 'AggregateExpr':
        return aggregate(node);
      case 'FunctionCall':
        return call(node);
      case 'BinaryExpr':
        return binary(node);
      case 'NumberDurationLiteral':
      case 'StringLiteral':
        return undefined;
      default:
        // in brackets, with a range, an offset or a sign: the labels of what is within
        return labelsOf(node.getChildren('Expr')[0]!);
    }
  }

  return { labels: labelsOf(root), problems };
}

/** What a name in a query stands for: a metric, or one of the three kinds of series of a histogram. */
function seriesOf(
  name: string,
  metrics: KnownMetrics,
): { type: string; labels: readonly string[] } | undefined {
  const [, base = '', part] = /^(.*)_(bucket|sum|count)$/.exec(name) ?? [];
  const { type, labels = [] } = metrics.get(base) ?? {};
  // each of them only ever grows
  if (type === 'histogram')
    return { type: 'counter', labels: part === 'bucket' ? [...labels, 'le'] : labels };
  const metric = metrics.get(name);
  return metric?.type === 'histogram' ? undefined : metric;
}
