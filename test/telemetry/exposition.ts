/** Reads the Prometheus text exposition format 0.0.4, strictly: anything that is not valid throws. */
import type { Metrics } from '../../src/telemetry/metrics.ts';

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Family {
  readonly help: string;
  readonly type: string;
  readonly samples: Sample[];
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(.*)\\})? (\\S+)$`);
const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)/;
const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  counter: [''],
  gauge: [''],
  histogram: ['_bucket', '_sum', '_count'],
  summary: ['', '_sum', '_count'],
};

/** Families by name. */
export function parseExposition(text: string): Map<string, Family> {
  if (!text.endsWith('\n')) throw new Error('the last line does not end');
  const families = new Map<string, Family>();
  const seen = new Set<string>();
  const helps = new Map<string, string>();
  let current: { name: string; family: Family } | undefined;
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const help = new RegExp(`^# HELP (${NAME}) (.+)$`).exec(line);
    if (help !== null) {
      helps.set(help[1]!, help[2]!);
      continue;
    }
    const type = new RegExp(`^# TYPE (${NAME}) (counter|gauge|histogram|summary)$`).exec(line);
    if (type !== null) {
      const name = type[1]!;
      if (families.has(name)) throw new Error(`${name} is declared twice`);
      const family = { help: helps.get(name) ?? '', type: type[2]!, samples: [] };
      if (family.help === '') throw new Error(`${name} has no help`);
      families.set(name, family);
      current = { name, family };
      continue;
    }
    const sample = parseSample(line);
    const allowed =
      current === undefined ? [] : SUFFIXES[current.family.type]!.map((end) => current!.name + end);
    if (!allowed.includes(sample.name)) throw new Error(`${sample.name} stands outside of its family`);
    const key = line.slice(0, line.lastIndexOf(' '));
    if (seen.has(key)) throw new Error(`${key} stands there twice`);
    seen.add(key);
    current!.family.samples.push(sample);
  }
  return families;
}

function parseSample(line: string): Sample {
  const match = SAMPLE.exec(line);
  if (match === null) throw new Error(`not a sample: ${line}`);
  const value = match[3] === '+Inf' ? Infinity : Number(match[3]);
  if (Number.isNaN(value) && match[3] !== 'NaN') throw new Error(`not a number: ${line}`);
  const labels: Record<string, string> = {};
  let rest = match[2] ?? '';
  while (rest !== '') {
    const label = LABEL.exec(rest);
    if (label === null) throw new Error(`not a label: ${rest}`);
    if (Object.hasOwn(labels, label[1]!)) throw new Error(`label twice: ${line}`);
    labels[label[1]!] = label[2]!;
    rest = rest.slice(label[0].length);
  }
  return { name: match[1]!, labels, value };
}

export interface Scrape {
  readonly families: Map<string, Family>;
  /** the first sample of this name whose labels are these, further ones aside */
  readonly value: (name: string, labels?: Readonly<Record<string, string>>) => number | undefined;
}

export async function scrape(metrics: Pick<Metrics, 'render'>): Promise<Scrape> {
  const families = parseExposition((await metrics.render()).body);
  return {
    families,
    value(name, labels = {}) {
      const family = families.get(name) ?? families.get(name.replace(/_(?:bucket|sum|count)$/, ''));
      return family?.samples.find(
        (sample) =>
          sample.name === name &&
          Object.entries(labels).every(([key, wanted]) => sample.labels[key] === wanted),
      )?.value;
    },
  };
}
