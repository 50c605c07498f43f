import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Browser } from 'playwright-core';
import { accessibilityProblems, openBrowser, openPage, scrollsSideways, type TestPage } from './browser.ts';
import { startDemo, type RunningDemo } from './demo.ts';

describe('the pages of the demo', () => {
  let browser: Browser;
  let demo: RunningDemo;
  beforeAll(async () => {
    [browser, demo] = await Promise.all([openBrowser(), startDemo()]);
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await demo?.close();
  });

  async function loggedIn(look: Parameters<typeof openPage>[1] = {}): Promise<TestPage> {
    const opened = await openPage(browser, look);
    await opened.page.goto(demo.url);
    await opened.page.getByLabel('Password').fill(demo.password);
    await opened.page.getByRole('button').click();
    await opened.page.waitForURL(`${demo.url}/`);
    return opened;
  }

  it('ask for the password first, say when it is wrong, and open with the right one', async () => {
    const { page, context, complaints } = await openPage(browser);
    await page.goto(demo.url);
    expect(page.url()).toContain('/login');
    await page.getByLabel('Password').fill('wrong');
    await page.getByRole('button').click();
    await expect.poll(() => page.textContent('body')).toMatch(/wrong|not the password|didn.t match/i);
    await page.getByLabel('Password').fill(demo.password);
    await page.keyboard.press('Enter');
    await page.waitForURL(`${demo.url}/`);
    const text = await page.textContent('body');
    expect(text).toContain('demo-lucca');
    expect(text).toContain('demo-floriday');
    // the browser reports the refused login itself
    expect(complaints.filter((line) => !line.includes('401'))).toEqual([]);
    await context.close();
  });

  it.each([
    { theme: 'light', width: 1440 },
    { theme: 'dark', width: 1440 },
    { theme: 'light', width: 375 },
    { theme: 'dark', width: 375 },
  ] as const)(
    'are readable for everybody: $theme, $width pixels',
    async (look) => {
      const login = await openPage(browser, look);
      await login.page.goto(`${demo.url}/login`);
      expect(await accessibilityProblems(login.page)).toEqual([]);
      await login.context.close();
      const { page, context, complaints } = await loggedIn(look);
      /** the first link of the content whose address ends so */
      const linked = async (end: string): Promise<string> =>
        demo.url + ((await page.locator(`main a[href$="${end}"]`).first().getAttribute('href')) ?? '');
      const looksRight = async (): Promise<void> => {
        expect(await accessibilityProblems(page), page.url()).toEqual([]);
        expect(await scrollsSideways(page), page.url()).toBe(false);
      };
      // the script has drawn the plots
      await page.locator('#plots canvas').first().waitFor();
      await page.getByText('The same as a table').click();
      await looksRight();
      for (const path of [
        '/connections',
        '/runs',
        '/providers',
        '/providers/lucca',
        '/connections/demo-lucca',
      ]) {
        await page.goto(demo.url + path);
        await looksRight();
      }
      await page.goto(await linked('/streams/employees'));
      await looksRight();
      await page.goto(`${demo.url}${await page.locator('main th a').first().getAttribute('href')}`);
      expect(await page.textContent('main')).toContain('As it is now');
      await looksRight();
      await page.goto(`${demo.url}/connections/demo-lucca/streams/employees/rejected`);
      await looksRight();
      await page.goto(`${demo.url}/runs?connection=demo-lucca&status=succeeded`);
      await page.goto(`${demo.url}${await page.locator('main th a').first().getAttribute('href')}`);
      expect(await page.textContent('main')).toContain('Timeline');
      await looksRight();
      expect(complaints).toEqual([]);
      await context.close();
    },
    300_000,
  );

  it('keep themselves up to date while a run goes on', async () => {
    const { page, context, complaints } = await loggedIn();
    await page.goto(`${demo.url}/runs?connection=demo-lucca`);
    await expect.poll(() => page.textContent('#live')).toContain('Live');
    const first = (): Promise<string | null> => page.locator('main th a').first().getAttribute('href');
    const before = await first();
    // the next scheduled run appears by itself: nobody loads the page again
    await page.evaluate('window.stillHere = true');
    await expect.poll(first, { timeout: 55_000 }).not.toBe(before);
    expect(await page.evaluate('window.stillHere')).toBe(true);
    expect(complaints).toEqual([]);
    await context.close();
  }, 90_000);

  it('would be found out by the same look if a picture had no text', async () => {
    const { page, context } = await openPage(browser);
    await page.setContent('<html lang="en"><title>t</title><main><h1>t</h1><img src="x"></main></html>');
    expect(await accessibilityProblems(page)).toEqual([expect.stringContaining('image-alt')]);
    await context.close();
  });

  it('show the queues in Bull Board', async () => {
    const { page, context } = await loggedIn();
    await page.goto(`${demo.url}/queues`);
    await expect.poll(() => page.textContent('body'), { timeout: 20_000 }).toContain('streams');
    await context.close();
  });
});
