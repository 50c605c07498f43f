import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { endAll } from '../support/process.ts';
import { openBench, type Bench } from './bench.ts';

const sluiceCli = join(import.meta.dirname, '..', '..', 'dist', 'src', 'cli.js');

/** Ten times as many of the second; their bodies are about 1 kB each. */
const [FEW, MANY] = [20_000, 100_000];
/** Far less than the bodies of many, in megabytes. */
const HEAP = 48;

/** Says how much memory the process had at most, in kilobytes, when it ends. */
const tellMemory =
  'data:text/javascript,' +
  encodeURIComponent(
    `process.on('exit',()=>process.stderr.write('peak '+process.resourceUsage().maxRSS+'\\n'))`,
  );

let bench: Bench;
beforeAll(async () => {
  bench = await openBench({ employees: 1 });
  await bench.apply({
    few: bench.connection({ streams: ['employees'] }),
    many: bench.connection({ streams: ['employees'] }),
  });
  for (const [id, count] of [
    ['few', FEW],
    ['many', MANY],
  ] as const)
    await bench.query(
      `insert into sluice.records (connection_id, stream, record_id, data, hash, seq, writer, changed_at)
       select $1, 'employees', lpad(n::text, 8, '0'),
              jsonb_build_object('id', n, 'givenName', 'Ada', 'notes', repeat(md5(n::text), 30)), '', n, '', now()
         from generate_series(1, $2::int) n`,
      [id, count],
    );
});
afterAll(async () => {
  await endAll();
  await bench.shut();
});

interface Streamed {
  readonly code: number | null;
  readonly bytes: number;
  readonly lines: number;
  readonly start: string;
  readonly end: string;
  /** of the ids, in order */
  readonly digest: string;
  readonly peakKilobytes: number;
  readonly stderr: string;
}

/** Reads what the command prints without keeping it. */
async function stream(id: string, format: string): Promise<Streamed> {
  const child = spawn(process.execPath, [sluiceCli, 'records', id, 'employees', '--format', format], {
    cwd: bench.cwd,
    env: {
      ...(bench.env as Record<string, string>),
      PATH: process.env.PATH ?? '',
      NODE_OPTIONS: `--max-old-space-size=${HEAP} --import ${tellMemory}`,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<number | null>((resolve) => void child.once('close', resolve));
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => void (stderr += chunk.toString()));
  const ids = createHash('sha256');
  let [bytes, lines, start, end, rest] = [0, 0, '', '', ''];
  for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    const text = chunk.toString('latin1');
    if (start.length < 100) start = (start + text).slice(0, 100);
    end = (end + text).slice(-100);
    const whole = (rest + text).split('\n');
    rest = whole.pop() ?? '';
    lines += whole.length;
    for (const line of whole) ids.update(/\d{8}/.exec(line.slice(0, 30))?.[0] ?? '');
  }
  const code = await ended;
  const peakKilobytes = Number(/^peak (\d+)$/m.exec(stderr)?.[1] ?? Number.NaN);
  return { code, bytes, lines, start, end, digest: ids.digest('hex'), peakKilobytes, stderr };
}

function digestOf(count: number): string {
  const ids = createHash('sha256');
  for (let n = 1; n <= count; n += 1) ids.update(String(n).padStart(8, '0'));
  return ids.digest('hex');
}

describe('records of a stream that is larger than the memory', () => {
  it.each([
    ['ndjson', MANY, /^\{"id":"00000001"/, /\}\n$/],
    ['json', MANY + 2, /^\{"data":\[\n\{"id":"00000001"/, /\}\n\]\}\n$/],
    ['csv', MANY + 1, /^id,changedAt,deletedAt,/, /\r\n$/],
  ])(
    'come whole and in order as %s, in memory that does not grow with their number',
    async (format, lines, start, end) => {
      const few = await stream('few', format);
      const many = await stream('many', format);
      expect(few, few.stderr).toMatchObject({ code: 0, digest: digestOf(FEW) });
      expect(many, many.stderr).toMatchObject({ code: 0, lines, digest: digestOf(MANY) });
      expect(many.start).toMatch(start);
      expect(many.end).toMatch(end);
      const megabytes = many.bytes / 2 ** 20;
      expect(megabytes).toBeGreaterThan(2 * HEAP);
      // what the collector leaves for later makes it go up and down, but by no share of the 200 MB
      expect(many.peakKilobytes - few.peakKilobytes).toBeLessThan(48 * 1024);
    },
    180_000,
  );
});
