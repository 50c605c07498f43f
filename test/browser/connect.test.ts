/** Consents in a browser: the simulated providers' own pages, and ours before and after. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Page } from 'playwright-core';
import { simulated, steer } from './demo.ts';
import {
  decide,
  fillConnection,
  logIn,
  looks,
  looksRight,
  openOperator,
  watchRun,
  type Operator,
} from './operator.ts';

describe('a consent in a browser', () => {
  let operator: Operator;
  beforeAll(async () => {
    operator = await openOperator();
  });
  afterAll(() => operator?.close());

  /** As its page tells it first. */
  async function stateOf(page: Page, id: string): Promise<string> {
    await page.goto(`${operator.url}/connections/${id}`);
    return (await page.locator('main .state').first().textContent()) ?? '';
  }
  async function recordsOf(page: Page, id: string, stream: string): Promise<number> {
    await page.goto(`${operator.url}/connections/${id}`);
    const row = page.getByRole('row').filter({ has: page.getByRole('link', { name: stream, exact: true }) });
    const text = (await row.locator('[data-label="Records"]').textContent()) ?? '';
    return Number(/^[\d,]+/.exec(text)?.[0].replaceAll(',', ''));
  }
  async function sync(page: Page, id: string): Promise<string> {
    await page.goto(`${operator.url}/connections/${id}/actions/sync`);
    await page.getByRole('button', { name: 'Sync now' }).click();
    return watchRun(page);
  }

  it('begins with the login where nobody is logged in, and goes on at the provider', async () => {
    const { page, context } = await operator.stranger();
    await page.goto(`${operator.url}/connect/demo-coloop`);
    await logIn(page);
    await expect.poll(() => page.url()).toContain('/interaction/');
    await decide(page, 'Allow');
    expect(await page.textContent('h1')).toBe('Connected again');
    await context.close();
  });

  it('connects what was added by form, which works from then on, until it is removed', async () => {
    const opened = await operator.open('/connections/new?provider=lockit');
    const { page, context } = opened;
    await fillConnection(page, 'films', await simulated('lockit'));
    await page.getByRole('button', { name: 'Check and add' }).click();
    await page.waitForURL(/\/connections\/films\/added$/);
    // nobody can use it before somebody has said yes
    await page.goto(operator.url);
    const waiting = page.locator('.needs > li').filter({ hasText: 'films' });
    expect(await waiting.textContent()).toContain('needs reconnect');
    await page.goto(`${operator.url}/connections/films/added`);
    await page.getByRole('link', { name: 'Give access' }).click();
    await decide(page, 'Allow');
    expect(await page.textContent('h1')).toBe('Connected');
    await looksRight(opened);
    expect(await sync(page, 'films')).toBe('succeeded');
    expect(await recordsOf(page, 'films', 'projects')).toBeGreaterThan(0);
    await page.goto(operator.url);
    expect(await waiting.count()).toBe(0);
    // who did it stands in the audit log
    await page.goto(`${operator.url}/audit?connection=films`);
    const log = (await page.textContent('main')) ?? '';
    for (const action of ['connection.put', 'connection.connect', 'connection.consent', 'connection.sync'])
      expect(log).toContain(action);

    await page.goto(`${operator.url}/connections/films/actions/remove`);
    await page.getByLabel('to confirm').fill('films');
    await page.getByRole('button', { name: 'Remove' }).click();
    await page.waitForURL(/\/connections$/);
    expect(await page.textContent('main')).not.toContain('films');
    await context.close();
  });

  it('that was taken back is given again, from the overview', async () => {
    const opened = await operator.open('/');
    const { page, context } = opened;
    await steer('lockit', 'revoke-grants');
    await steer('lockit', 'revoke');
    await page.goto(`${operator.url}/connections/demo-lockit/actions/check`);
    await page.getByRole('button', { name: 'Check now' }).click();
    expect(await page.textContent('main')).toContain('It does not work.');
    // the check says so, and the next run parks it
    await expect.poll(() => stateOf(page, 'demo-lockit'), { timeout: 60_000 }).toBe('needs reconnect');
    await page.goto(operator.url);
    const item = page.locator('.needs > li').filter({ hasText: 'demo-lockit' });
    await looksRight(opened);
    await item.getByRole('link', { name: 'Reconnect' }).click();
    await decide(page, 'Allow');
    expect(await page.textContent('h1')).toBe('Connected again');
    await looksRight(opened);
    expect(await sync(page, 'demo-lockit')).toBe('succeeded');
    await page.goto(operator.url);
    expect(await item.count()).toBe(0);
    await context.close();
  });

  it.each(looks)('that is given ends with the account: $theme, $width pixels', async (look) => {
    const opened = await operator.open('/connect/demo-coloop', look);
    const { page, context } = opened;
    await decide(page, 'Allow');
    expect(await page.textContent('h1')).toBe('Connected again');
    expect(await page.textContent('main')).toMatch(/has access to CoLoop as \S+@coloop\.example/);
    await looksRight(opened);
    await page.getByRole('link', { name: /your own ids/ }).click();
    expect(await page.textContent('h1')).toContain('CoLoop');
    await context.close();
  });

  it.each(looks)('that is denied says so, and changes nothing: $theme, $width pixels', async (look) => {
    const opened = await operator.open('/connect/demo-coloop', look);
    const { page, context } = opened;
    await decide(page, 'Deny');
    expect(await page.textContent('h1')).toBe('Access was not given');
    expect(await page.textContent('main')).toContain('Nothing has changed');
    await looksRight(opened, 403);
    await page.getByRole('link', { name: 'Try again' }).click();
    await expect.poll(() => page.url()).toContain('/interaction/');
    expect(await stateOf(page, 'demo-coloop')).toBe('active');
    await context.close();
  });

  it('once more keeps the records', async () => {
    const { page, context } = await operator.open('/');
    const before = await recordsOf(page, 'demo-coloop', 'members');
    expect(before).toBeGreaterThan(10);
    await page.goto(`${operator.url}/connect/demo-coloop`);
    await decide(page, 'Allow');
    // the demo edits at its source all the time
    expect(await recordsOf(page, 'demo-coloop', 'members')).toBeGreaterThan(before * 0.8);
    await context.close();
  });

  it.each(looks)(
    'for a setup shows what is reached, and ids can be given: $theme, $width pixels',
    async (look) => {
      const opened = await operator.open('/connect/demo-loke', look);
      const { page, context } = opened;
      await decide(page, 'Allow');
      expect(await page.textContent('main')).toContain('Your organizations');
      await looksRight(opened);
      const path = `${operator.url}/connections/demo-loke/mappings`;
      await page.goto(path);
      const own = `shop-${look.theme}-${look.width}`;
      const input = page.getByRole('textbox').first();
      await input.fill(own);
      await page.getByRole('button', { name: 'Save' }).click();
      await page.waitForURL(/saved/);
      expect(await page.getByRole('status').textContent()).toBe('Saved.');
      expect(await input.inputValue()).toBe(own);
      await looksRight(opened);
      await page.goto(path);
      expect(await input.inputValue()).toBe(own);
      await context.close();
    },
  );
});
