/** Pages that are kept up to date: server-sent events over a real fleet. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { requestRun } from '../../src/store/runs.ts';
import { createLiveWatch, type LiveWatch } from '../../src/sync/live-watch.ts';
import { startFleet, waitFor, type Fleet } from '../support/fleet.ts';
import { consoleWith, emptyOverview, field, startSite, type Client, type Site } from './site.ts';

let fleet: Fleet;
let site: Site;
let live: LiveWatch;
let me: Client;
/** looks at the database */
let looks = 0;
const open: AbortController[] = [];

beforeAll(async () => {
  fleet = await startFleet({ workers: false });
  const { pool } = fleet.runtime.db;
  const counting = new Proxy(pool, {
    get: (target, name) => {
      if (name === 'query') looks += 1;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  live = createLiveWatch({ pool: counting }, { everyMs: 50, onTrouble: () => undefined });
  site = await startSite({ console: { ...consoleWith(async () => emptyOverview), live }, maxViewers: 5 });
  me = site.client();
  await me.login();
});
afterEach(async () => {
  for (const viewer of open.splice(0)) viewer.abort();
  await waitFor(async () => (live.watching() === 0 ? true : undefined), 20_000);
});
afterAll(async () => {
  live.close();
  await site.close();
  await fleet.close();
});

interface Viewer {
  readonly status: number;
  /** names of the events that came */
  readonly events: string[];
  /** resolves when the server has ended the stream */
  readonly ended: Promise<void>;
}

async function view(client: Client, topic: string): Promise<Viewer> {
  const abort = new AbortController();
  open.push(abort);
  const answer = await client.send(`/live?topic=${encodeURIComponent(topic)}`, {
    headers: { accept: 'text/event-stream' },
    signal: abort.signal,
  });
  const events: string[] = [];
  const pump = async (): Promise<void> => {
    const decoder = new TextDecoder();
    for await (const chunk of answer.body ?? [])
      for (const [, name = ''] of decoder.decode(chunk as Uint8Array).matchAll(/^event: (\S+)$/gm))
        events.push(name);
  };
  const ended = pump().catch(() => undefined);
  return { status: answer.status, events, ended };
}

const came = (viewer: Viewer, name: string, times: number): Promise<true> =>
  waitFor(
    async () =>
      viewer.events.filter((event) => event === name).length >= times ? (true as const) : undefined,
    20_000,
  );

describe('what is kept up to date', () => {
  it('needs the session', async () => {
    const stranger = await view(site.client(), 'overview');
    expect(stranger.status).toBe(401);
  });

  it('counts nobody as a viewer who asks by HEAD', async () => {
    for (let times = 0; times < 6; times += 1) {
      const answer = await me.send('/live?topic=overview', { method: 'HEAD' });
      expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
    }
    expect(live.watching()).toBe(0);
    expect((await site.client().send('/live?topic=overview', { method: 'HEAD' })).status).toBe(401);
  });

  it('is told when its run changes and not when another one does', async () => {
    await fleet.connect('one');
    await fleet.connect('two');
    const ask = async (connectionId: string): Promise<string> =>
      (await requestRun(fleet.runtime.db, { connectionId, trigger: 'command', priority: 1 })).runId;
    const [mine, other] = [await ask('one'), await ask('two')];
    const viewer = await view(me, `run:${mine}`);
    const overview = await view(me, 'overview');
    // what the page shows may be older than the stream
    await came(viewer, 'changed', 1);
    await came(overview, 'changed', 1);
    const change = (id: string): Promise<unknown> =>
      fleet.runtime.db.pool.query(
        `update sluice.runs set cancel_requested = not cancel_requested where id = $1`,
        [id],
      );
    const before = looks;
    await change(other);
    await waitFor(async () => (looks > before + 6 ? true : undefined), 20_000);
    expect(viewer.events).toEqual(['hello', 'changed']);
    await change(mine);
    await came(viewer, 'changed', 2);
  });

  it('shares one look, however many watch, and nobody looks for nobody', async () => {
    const viewers = await Promise.all(Array.from({ length: 5 }, () => view(me, 'overview')));
    await Promise.all(viewers.map((viewer) => came(viewer, 'changed', 1)));
    // all five were told by at most a look for each of the moments at which they came
    const full = await view(me, 'overview');
    expect(full.status).toBe(503);
    for (const viewer of open.splice(0)) viewer.abort();
    await waitFor(async () => (live.watching() === 0 ? true : undefined), 20_000);
    const settled = looks;
    await new Promise((resolve) => setTimeout(resolve, 300));
    // one that was under way may still have ended
    expect(looks).toBeLessThanOrEqual(settled + 1);
  });

  it('ends with the logout of its session, and of no other', async () => {
    const [mine, hers] = [site.client(), site.client()];
    await mine.login();
    await hers.login();
    const [viewer, other] = [await view(mine, 'overview'), await view(hers, 'overview')];
    const csrf = field(await (await mine.get('/')).text(), 'csrf');
    await mine.post('/logout', { csrf });
    await viewer.ended;
    expect(viewer.events.at(-1)).toBe('ended');
    expect(other.events).not.toContain('ended');
  });

  it('ends with the time of its session', async () => {
    const late = site.client();
    await late.login();
    const viewer = await view(late, 'overview');
    await came(viewer, 'changed', 1);
    const before = site.clock.now;
    try {
      site.clock.now += 12 * 3600 * 1000 + 1;
      // the next change comes to a session that is over
      await fleet.runtime.db.pool.query(`update sluice.connections set next_run_at = now() where id = 'one'`);
      await viewer.ended;
      expect(viewer.events.at(-1)).toBe('ended');
      expect((await view(late, 'overview')).status).toBe(401);
    } finally {
      site.clock.now = before;
    }
  });

  it('refuses what names nothing', async () => {
    expect((await view(me, 'run:../x')).status).toBe(400);
  });

  it('ends with the process, so that it can stop at once', async () => {
    const viewer = await view(me, 'overview');
    await came(viewer, 'hello', 1);
    live.close();
    await viewer.ended;
    expect(viewer.events).not.toContain('ended');
  });
});
