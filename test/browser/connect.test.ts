import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Browser, Page } from 'playwright-core';
import { accessibilityProblems, openBrowser, openPage, scrollsSideways, type TestPage } from './browser.ts';
import { startDemo, type RunningDemo } from './demo.ts';

const looks = [
  { theme: 'light', width: 1440 },
  { theme: 'dark', width: 1440 },
  { theme: 'light', width: 375 },
  { theme: 'dark', width: 375 },
] as const;

describe('a consent in a browser', () => {
  let browser: Browser;
  let demo: RunningDemo;
  beforeAll(async () => {
    [browser, demo] = await Promise.all([openBrowser(), startDemo()]);
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await demo?.close();
  });

  async function loggedIn(path: string, look: Parameters<typeof openPage>[1] = {}): Promise<TestPage> {
    const opened = await openPage(browser, look);
    await opened.page.goto(demo.url + path);
    await opened.page.getByLabel('Password').fill(demo.password);
    await opened.page.getByRole('button').click();
    await opened.page.waitForURL((url) => url.pathname !== '/login');
    return opened;
  }

  /** At the provider: signs in as the first account, then says yes or no. */
  async function decide(page: Page, decision: 'Allow' | 'Deny'): Promise<void> {
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByRole('button', { name: decision }).click();
    await page.waitForURL((url) => url.href.startsWith(demo.url));
  }

  async function looksRight({ page, complaints }: TestPage, status = 200): Promise<void> {
    expect(await accessibilityProblems(page)).toEqual([]);
    expect(await scrollsSideways(page)).toBe(false);
    // the browser itself reports an answer that is no success; what the provider's pages do is theirs
    const ours = complaints.filter((line) => line.includes(demo.url));
    expect(ours.filter((line) => status === 200 || !line.includes(String(status)))).toEqual([]);
    const folder = process.env.PICTURES;
    if (folder === undefined) return;
    const title = (await page.title()).replaceAll(/\W+/g, '-');
    const size = page.viewportSize()?.width ?? 0;
    const dark = (await page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")) as boolean;
    await page.screenshot({
      path: `${folder}/${title}-${size}-${dark ? 'dark' : 'light'}.png`,
      fullPage: true,
    });
  }

  /** The line of a connection in the list of all. */
  async function statusOf(page: Page, id: string): Promise<string> {
    await page.goto(`${demo.url}/connections`);
    return (await page.getByRole('row', { name: id }).first().textContent()) ?? '';
  }

  /** The records of a connection in that line. */
  const recordsIn = (line: string): number =>
    Number(/([\d,]+)(?=members \d)/.exec(line)?.[1]?.replaceAll(',', '') ?? Number.NaN);

  it('begins with the login where nobody is logged in, and goes on at the provider', async () => {
    const { page, context } = await loggedIn('/connect/demo-coloop');
    await expect.poll(() => page.url()).toContain('/interaction/');
    await decide(page, 'Allow');
    expect(await page.textContent('h1')).toBe('Connected again');
    await context.close();
  });

  it.each(looks)('that is given ends with the account: $theme, $width pixels', async (look) => {
    const opened = await loggedIn('/', look);
    const { page, context } = opened;
    await page.goto(`${demo.url}/connect/demo-coloop`);
    await decide(page, 'Allow');
    expect(await page.textContent('h1')).toBe('Connected again');
    expect(await page.textContent('main')).toMatch(/has access to CoLoop as \S+@coloop\.example/);
    await looksRight(opened);
    await page.getByRole('link', { name: /your own ids/ }).click();
    expect(await page.textContent('h1')).toContain('CoLoop');
    await context.close();
  });

  it.each(looks)('that is denied says so, and changes nothing: $theme, $width pixels', async (look) => {
    const opened = await loggedIn('/', look);
    const { page, context } = opened;
    await page.goto(`${demo.url}/connect/demo-coloop`);
    await decide(page, 'Deny');
    expect(await page.textContent('h1')).toBe('Access was not given');
    expect(await page.textContent('main')).toContain('Nothing has changed');
    await looksRight(opened, 403);
    await page.getByRole('link', { name: 'Try again' }).click();
    await expect.poll(() => page.url()).toContain('/interaction/');
    expect(await statusOf(page, 'demo-coloop')).toContain('active');
    await context.close();
  });

  it('once more keeps the records', async () => {
    const { page, context } = await loggedIn('/');
    await expect.poll(async () => recordsIn(await statusOf(page, 'demo-coloop'))).toBeGreaterThan(10);
    const before = recordsIn(await statusOf(page, 'demo-coloop'));
    await page.goto(`${demo.url}/connect/demo-coloop`);
    await decide(page, 'Allow');
    const after = recordsIn(await statusOf(page, 'demo-coloop'));
    // the demo edits at its source all the time
    expect(after).toBeGreaterThan(before * 0.8);
    await context.close();
  });

  it.each(looks)(
    'for a setup shows what is reached, and ids can be given: $theme, $width pixels',
    async (look) => {
      const opened = await loggedIn('/', look);
      const { page, context } = opened;
      await page.goto(`${demo.url}/connect/demo-loke`);
      await decide(page, 'Allow');
      expect(await page.textContent('main')).toContain('Your organizations');
      await looksRight(opened);
      const path = `${demo.url}/connections/demo-loke/mappings`;
      // the first pass of this provider comes last
      await expect
        .poll(async () => {
          await page.goto(path);
          return page.getByRole('textbox').count();
        })
        .toBeGreaterThan(0);
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
