/** What an operator reads on the overview. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RunView } from '../../src/sync/history.ts';
import type { ConnectionGlance } from '../../src/sync/overview.ts';
import type { OverviewView } from '../../src/web/console/contract.ts';
import { style } from '../../src/web/style.ts';
import { consoleWith, emptyOverview, startSite, type Client, type Site } from './site.ts';

const NOW = Date.parse(emptyOverview.now);
const ago = (seconds: number): string => new Date(NOW - seconds * 1000).toISOString();

const connection: ConnectionGlance = {
  id: 'acme',
  provider: 'lucca',
  state: 'active',
  since: ago(9000),
  reason: null,
  advice: null,
  managedBy: 'file',
  schedule: 'every 5m',
  nextRunAt: ago(-240),
  failedRuns: 0,
  lastRun: { id: 'r1', status: 'succeeded', startedAt: ago(200), finishedAt: ago(180), error: null },
  freshness: { asOf: ago(180), lateMs: 0 },
};
const stream = {
  name: 'employees',
  status: 'succeeded',
  mode: 'full',
  added: 1234,
  updated: 5,
  deleted: 6,
  unchanged: 7,
  rejected: 0,
  pages: 2,
  cursor: null,
  error: null,
  waitUntil: null,
  waitReason: null,
};
const run: RunView = {
  id: 'r1',
  connection: 'acme',
  status: 'succeeded',
  trigger: 'schedule',
  createdAt: ago(200),
  startedAt: ago(200),
  finishedAt: ago(120),
  tokenRequests: 1,
  requests: 14,
  retries: 0,
  error: null,
  streams: [stream],
};

let site: Site;
let me: Client;
let view: OverviewView = emptyOverview;
beforeAll(async () => {
  site = await startSite({ console: consoleWith(async () => view) });
  me = site.client();
  await me.login();
});
afterAll(() => site.close());

async function page(overrides: Partial<OverviewView>): Promise<string> {
  const { needsPerson = [], connections = [] } = overrides;
  view = { ...emptyOverview, needs: needsPerson.length, connected: connections.length, ...overrides };
  return (await me.get('/')).text();
}

/** The text as it is read, tags gone. */
function textOf(html: string): string {
  const main = html.slice(html.indexOf('<main'), html.indexOf('</main>'));
  return main
    .replaceAll(/<[^>]*\shidden[^>]*>[^<]*/g, '')
    .replaceAll(/<[^>]+>/g, ' ')
    .replaceAll(/\s+/g, ' ');
}

describe('the overview', () => {
  test('says which schedules are slowed down, and why', async () => {
    const slow = { ...connection, id: 'slow', failedRuns: 3 };
    const once = { ...connection, id: 'once', failedRuns: 1 };
    const parked = { ...connection, id: 'parked', state: 'needs_attention', failedRuns: 4 };
    const text = textOf(await page({ connections: [slow] }));
    expect(text).toContain('every 5m slowed down: 3 runs in a row failed');
    expect(textOf(await page({ connections: [once, parked] }))).not.toContain('slowed down');
  });

  test('begins with what needs a person, each with the one thing to do', async () => {
    const html = await page({
      connections: [connection],
      needsPerson: [
        {
          connection: 'acme',
          provider: 'lucca',
          state: 'needs_reconnect',
          reason: 'The consent was withdrawn.',
          advice: 'Run `sluice connect acme`.',
          since: ago(7200),
          action: 'connect',
        },
      ],
    });
    expect(textOf(html)).toContain('Needs a person (1) acme needs reconnect lucca, 2 h ago');
    expect(textOf(html)).toContain('The consent was withdrawn. Do this: Run sluice connect acme .');
    expect(html).toContain('<code>sluice connect acme</code>');
    const main = html.slice(html.indexOf('<main'));
    expect(main.indexOf('Needs a person')).toBeLessThan(main.indexOf('Freshness'));
    expect(main).toContain('href="/connect/acme"');
  });

  test('says so when nothing does', async () => {
    expect(textOf(await page({ connections: [connection] }))).toContain('Needs a person Nothing.');
  });

  test('shows how fresh each connection is against its schedule, its last and its next run', async () => {
    const late = { ...connection, id: 'late', freshness: { asOf: ago(1200), lateMs: 900_000 } };
    const text = textOf(await page({ connections: [late, connection] }));
    expect(text).toContain('late lucca active 20 min ago late by 15 min succeeded 3 min ago');
    expect(text).toContain('acme lucca active 3 min ago on time succeeded 3 min ago in 4 min every 5m');
  });

  test('shows a connection that never ran, and one with nothing planned', async () => {
    const freshness = { asOf: null, lateMs: null };
    const fresh = { ...connection, nextRunAt: null, schedule: 'manual', lastRun: null, freshness };
    expect(textOf(await page({ connections: [fresh] }))).toContain(
      'active not complete yet no schedule never ran none manual',
    );
  });

  test('shows runs with duration and counts, and failed ones with code and advice', async () => {
    const failed: RunView = {
      ...run,
      id: 'r2',
      status: 'failed',
      streams: [{ ...stream, rejected: 3 }],
      error: {
        kind: 'transient',
        code: 'token_wait',
        message: 'No token came.',
        advice: 'Run `sluice check acme`.',
      },
    };
    const text = textOf(await page({ connections: [connection], runs: [run, failed] }));
    expect(text).toContain('acme r1 succeeded by its schedule 3 min ago 1 min 20 s 1,234 5 6 0 14 1');
    expect(text).toContain('token_wait No token came. Do this: Run sluice check acme .');
  });

  test('a run under way shows how long it has taken so far', async () => {
    const text = textOf(
      await page({ connections: [connection], runs: [{ ...run, status: 'running', finishedAt: null }] }),
    );
    expect(text).toContain('running by its schedule 3 min ago 3 min 20 s');
  });

  test('shows the queues and leads to Bull Board', async () => {
    const html = await page({
      connections: [connection],
      queues: [{ name: 'runs', waiting: 1, active: 2, delayed: 3, failed: 4 }],
    });
    expect(textOf(html)).toContain('runs 1 2 3 4');
    expect(html).toContain('<a href="/queues">');
  });

  test('without connections teaches the next step', async () => {
    const text = textOf(await page({}));
    expect(text).toContain('No connection yet');
    expect(text).toContain('sluice.yaml');
    expect(text).toContain('sluice apply sluice.yaml');
    expect(text).not.toContain('Needs a person');
  });

  test('escapes whatever comes from outside', async () => {
    const evil = '<script>alert(1)</script>"\'><img src=x onerror=y>';
    const html = await page({
      version: evil,
      needsPerson: [
        {
          connection: evil,
          provider: evil,
          state: evil,
          reason: evil,
          advice: evil,
          since: evil,
          action: 'check',
        },
      ],
      connections: [
        {
          ...connection,
          id: evil,
          provider: evil,
          state: evil,
          schedule: evil,
          nextRunAt: evil,
          lastRun: { id: evil, status: evil, startedAt: null, finishedAt: null, error: null },
        },
      ],
      runs: [
        {
          ...run,
          id: evil,
          connection: evil,
          status: evil,
          error: { kind: 'data', code: evil, message: evil, advice: `\`${evil}\`` },
        },
      ],
      queues: [{ name: evil, waiting: 1, active: 1, delayed: 1, failed: 1 }],
    });
    expect(html).not.toContain('<script>alert');
    expect(html).not.toContain('<img');
    expect(html.match(/<script/g)).toHaveLength(html.match(/<script src="\/assets/g)?.length ?? 0);
    expect(html).not.toMatch(/class="[^"]*[<>'][^"]*"/);
  });

  test('its tables have captions and headers, and its scripts run under the policy', async () => {
    view = { ...emptyOverview, connections: [connection], runs: [run] };
    const answer = await me.get('/');
    const html = await answer.text();
    expect(html.match(/<table /g)).toHaveLength(3);
    expect(html.match(/<caption>/g)).toHaveLength(3);
    expect(html).toContain('<html lang="en">');
    const nonce = /<script src="[^"]+" nonce="([^"]+)"/.exec(html)?.[1] ?? 'none';
    expect(answer.headers.get('content-security-policy')).toContain(`script-src 'nonce-${nonce}'`);
    // what isn't under the nonce would be blocked
    expect(html).not.toMatch(/ style="| on[a-z]+="/);
  });
});

describe('the style', () => {
  const [light = '', dark = ''] = style.split('@media (prefers-color-scheme: dark)');

  test.each([
    ['light', light],
    ['dark', dark.slice(0, dark.indexOf('* {'))],
  ])('has AA contrast in %s', (_name, css) => {
    const colours = Object.fromEntries(
      [...css.matchAll(/--([a-z-]+): (#[0-9a-f]{6})/g)].map(([, key, hex]) => [key, hex]),
    );
    const pairs = [
      ['text', 'ground'],
      ['text', 'panel'],
      ['text', 'code-back'],
      ['muted', 'ground'],
      ['muted', 'panel'],
      ['link', 'ground'],
      ['link', 'panel'],
      ['bad', 'panel'],
      ...['ok', 'warn', 'bad', 'busy', 'calm'].map((tone) => [tone, `${tone}-back`]),
    ];
    for (const [front = '', back = ''] of pairs) {
      expect(
        contrast(colours[front] ?? '', colours[back] ?? ''),
        `${front} on ${back}`,
      ).toBeGreaterThanOrEqual(4.5);
    }
  });
});

/** WCAG 2.2, relative luminance and contrast ratio. */
function contrast(a: string, b: string): number {
  const luminance = (hex: string): number => {
    const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
      const part = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
      return part <= 0.040_45 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const [light = 0, dark = 0] = [luminance(a), luminance(b)].toSorted((x, y) => y - x);
  return (light + 0.05) / (dark + 0.05);
}
