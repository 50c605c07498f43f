/** The check of queries itself: each kind of mistake is found, and what is right passes. */
import { expect, it } from 'vitest';
import { checkQuery, withoutVariables } from './promql.ts';

const metrics = new Map([
  ['jobs_total', { type: 'counter', labels: ['queue', 'outcome'] }],
  ['depth', { type: 'gauge', labels: ['queue'] }],
  ['wait_seconds', { type: 'histogram', labels: ['queue'] }],
]);
const problems = (query: string): string => checkQuery(query, metrics).problems.join('; ');

it.each([
  ['sum by (queue (rate(jobs_total[5m]))', 'no PromQL'],
  ['rate(jobs_total[5m]', 'no PromQL'],
  ['rate(jobs_total)', 'wants a metric with a range'],
  ['summ(depth)', 'no PromQL'],
  ['max(depht)', 'no series depht'],
  ['max(depth_bucket)', 'no series depth_bucket'],
  ['max(wait_seconds)', 'no series wait_seconds'],
  ['max(depth{que="a"})', 'no label que'],
  ['sum by (provider) (rate(jobs_total[5m]))', 'groups by provider'],
  ['sum by (outcome) (sum by (queue) (rate(jobs_total[5m])))', 'groups by outcome'],
  ['rate(depth[5m])', 'rate of depth, which is a gauge'],
  ['increase(depth[1h])', 'increase of depth, which is a gauge'],
  ['increase(sum(jobs_total)[1h:])', 'wants a metric with a range'],
  ['delta(jobs_total[1h])', 'delta of jobs_total, which is a counter'],
  ['histogram_quantile(0.9, sum by (queue) (rate(wait_seconds_bucket[5m])))', 'keeps no le'],
  ['histogram_quantile(0.9, sum by (le) (rate(wait_seconds_sum[5m])))', 'groups by le'],
  ['histogram_quantile(0.9, rate(jobs_total[5m]))', 'keeps no le'],
  ['sum by (queue) (depth) / sum by (outcome) (rate(jobs_total[5m]))', 'never match'],
  ['max(depth) - on (provider) max(depth)', 'no side has the label provider'],
  ['{queue="a"}', 'names no metric'],
])('%s: %s', (query, problem) => {
  expect(problems(query)).toContain(problem);
});

it.each([
  'histogram_quantile(0.9, sum by (le) (rate(wait_seconds_bucket{queue=~"a|b"}[15m]))) > 15',
  'sum by (queue) (rate(wait_seconds_sum[5m])) / sum by (queue) (rate(wait_seconds_count[5m]))',
  'max(depth) - max(depth offset 1h) > 0 or max(depth) unless max(depth offset 1h)',
  'time() - max(depth > 0) > 180',
  'sum(max by (queue) (depth) or vector(0)) == 0',
  'topk(3, sum without (instance, job) (rate(jobs_total[5m])))',
  'depth * on (queue) sum by (queue) (depth)',
])('%s is fine', (query) => {
  expect(problems(query)).toBe('');
});

it('knows the labels of the result', () => {
  const labels = (query: string): string[] => [...(checkQuery(query, metrics).labels ?? ['none'])];
  expect(labels('sum by (queue) (depth) > 3')).toEqual(['queue']);
  expect(labels('histogram_quantile(0.9, sum by (le, queue) (rate(wait_seconds_bucket[5m])))')).toEqual([
    'queue',
  ]);
  expect(labels('depth')).toEqual(['queue', 'job', 'instance']);
  expect(labels('time()')).toEqual(['none']);
});

it('puts something in for what Grafana replaces', () => {
  const query = withoutVariables('rate(jobs_total{queue=~"$queue"}[$__rate_interval]) > $__range_s');
  expect(query).toBe('rate(jobs_total{queue=~"any"}[5m]) > 300');
  expect(problems(query)).toBe('');
});
