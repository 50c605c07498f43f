/** Bull Board behind the login. */
import { createBullBoard } from '@bull-board/api';
import { Hono } from 'hono';
import { afterEach, describe, expect, test } from 'vitest';
import { boardFactory } from '../../src/web/board.ts';
import { emptyBoard, startSite, type Client, type Site } from './site.ts';

const sites: Site[] = [];
afterEach(async () => {
  for (const one of sites.splice(0)) await one.close();
});
async function operator(options: Parameters<typeof startSite>[0] = {}): Promise<{ me: Client; site: Site }> {
  const site = await startSite(options);
  sites.push(site);
  const me = site.client();
  await me.login();
  return { me, site };
}

const json = { accept: 'application/json' };

describe('Bull Board', () => {
  test('shows nothing without a session: page, API and files', async () => {
    const { site } = await operator();
    const stranger = site.client();
    expect((await stranger.get('/queues')).headers.get('location')).toBe('/login?next=%2Fqueues');
    expect((await stranger.get('/queues/api/queues', json)).status).toBe(401);
    expect((await stranger.get('/queues/static/favicon.ico')).status).toBe(303);
  });

  test('serves its page, the files it names, and its API', async () => {
    const { me } = await operator();
    const page = await (await me.get('/queues')).text();
    expect(page).toContain('<base href="/queues/"');
    const files = [...page.matchAll(/(?:src|href)="(static\/[^"]+)"/g)].map((match) => match[1]);
    expect(files.length).toBeGreaterThan(3);
    for (const file of files) {
      const answer = await me.get(`/queues/${file}`);
      expect(answer.status, file).toBe(200);
      expect(answer.headers.get('cache-control')).toBe('private, max-age=86400');
    }
    expect(await (await me.get('/queues/api/queues', json)).json()).toEqual({ queues: [] });
    expect((await me.get('/queues/')).headers.get('location')).toBe('/queues');
    expect((await me.get('/queues/queue/runs')).status).toBe(200);
  });

  test('has the narrowest policy under which it works: no foreign host, no inline script', async () => {
    const { me } = await operator();
    const answer = await me.get('/queues');
    const policy = answer.headers.get('content-security-policy') ?? '';
    expect(policy).toMatch(/^default-src 'none'; script-src 'self'; /);
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/https?:|\*|unsafe-eval/);
    // what would need more shows up here when the library changes
    expect(await answer.text()).not.toMatch(/<script(?![^>]*(?:src=|type="application\/json"))/);
  });

  test('is read-only unless told otherwise, whatever the board itself allows', async () => {
    const told: boolean[] = [];
    const bullBoard = boardFactory((serverAdapter, { readOnly }) => {
      told.push(readOnly);
      createBullBoard({ queues: [], serverAdapter });
    });
    const { me, site } = await operator({ bullBoard });
    for (const method of ['PUT', 'POST', 'PATCH', 'DELETE']) {
      const headers = { ...json, origin: site.url };
      const answer = await me.send('/queues/api/queues/runs/pause', { method, headers });
      expect([answer.status, await answer.json()]).toMatchObject([403, { code: 'queues_read_only' }]);
    }
    expect(told).toEqual([true]);
  });

  test('its errors are answered and logged like all others', async () => {
    const bullBoard: typeof emptyBoard = (...args) =>
      emptyBoard(...args).get('/broken', () => {
        throw new Error('board is broken');
      });
    const { me, site } = await operator({ bullBoard });
    const answer = await me.get('/queues/broken', json);
    expect([answer.status, await answer.json()]).toMatchObject([500, { code: 'internal' }]);
    expect(site.log.join('')).toContain('board is broken');
  });

  test('in read-write mode takes changes of its own page, never of another site', async () => {
    const done: string[] = [];
    const bullBoard = (_path: string, { readOnly }: { readOnly: boolean }) =>
      new Hono().put('/api/pause', (c) => {
        done.push(`paused, read-only ${String(readOnly)}`);
        return c.json({});
      });
    const { me, site } = await operator({ bullBoard, bullBoardReadOnly: false });
    const put = (client: Client, origin: string) =>
      client.send('/queues/api/pause', { method: 'PUT', headers: { ...json, origin } });
    expect((await put(me, 'https://evil.example')).status).toBe(403);
    expect((await put(site.client(), site.url)).status).toBe(401);
    expect(done).toEqual([]);
    expect((await put(me, site.url)).status).toBe(200);
    expect(done).toEqual(['paused, read-only false']);
  });
});
