import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { createMetrics } from '../../src/telemetry/metrics.ts';

const page = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8');

it('docs/metrics.md lists every metric with its type, labels and meaning, and no other', () => {
  const rows = page.split('\n').filter((line) => line.startsWith('| `sluice_'));
  const expected = createMetrics()
    .list()
    .filter(({ name }) => name.startsWith('sluice_'))
    .map(({ name, type, labels, help }) => {
      const names = labels.map((label) => `\`${label}\``).join(', ');
      return `| \`${name}\` | ${type} | ${names} | ${help} |`;
    });
  expect(rows.toSorted()).toEqual(expected.toSorted());
});
