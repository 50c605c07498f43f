/** An operator with a browser, logged in to the demo's console. */
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { expect, inject } from 'vitest';
import {
  accessibilityProblems,
  openBrowser,
  openPage,
  scrollsSideways,
  type Look,
  type TestPage,
} from './browser.ts';
import type { Simulated } from './demo.ts';

/** Every page has to stand up to all of them. */
export const looks = [
  { theme: 'light', width: 1440 },
  { theme: 'dark', width: 1440 },
  { theme: 'light', width: 375 },
  { theme: 'dark', width: 375 },
] as const satisfies readonly Look[];

export interface Operator {
  readonly url: string;
  readonly browser: Browser;
  /** A page of somebody who isn't logged in. */
  stranger(look?: Look): Promise<TestPage>;
  /** A page in a context of its own, with the session. */
  open(path: string, look?: Look): Promise<TestPage>;
  close(): Promise<void>;
}

export async function openOperator(): Promise<Operator> {
  const { url } = inject('demo');
  const browser = await openBrowser();
  let session: BrowserContextOptions['storageState'];
  const stranger = (look?: Look): Promise<TestPage> => openPage(browser, look);
  return {
    url,
    browser,
    stranger,
    async open(path, look = {}) {
      if (session === undefined) {
        const { page, context } = await stranger();
        await page.goto(url);
        await logIn(page);
        session = await context.storageState();
        await context.close();
      }
      const opened = await openPage(browser, { ...look, storageState: session });
      await opened.page.goto(url + path);
      return opened;
    },
    close: () => browser.close(),
  };
}

/** On the login page. */
export async function logIn(page: Page): Promise<void> {
  await page.getByLabel('Operator password').fill(inject('demo').password);
  await page.keyboard.press('Enter');
  await page.waitForURL(({ pathname }) => pathname !== '/login');
}

/** Nothing that axe finds, nothing that scrolls sideways, nothing that the browser complained of on our own pages. */
export async function looksRight({ page, complaints }: TestPage, status = 200): Promise<void> {
  expect(await accessibilityProblems(page), page.url()).toEqual([]);
  expect(await scrollsSideways(page), page.url()).toBe(false);
  // the browser itself reports an answer that is no success; what the provider's pages do is theirs
  const ours = complaints.filter((line) => line.includes(inject('demo').url));
  expect(ours.filter((line) => status === 200 || !line.includes(String(status)))).toEqual([]);
}

/** The page must go on by itself: true until somebody loads it again. */
export async function markPage(page: Page): Promise<() => Promise<boolean>> {
  await page.evaluate('window.stillHere = true');
  return async () => (await page.evaluate('window.stillHere')) === true;
}

/** Watches the run whose page is shown, or is about to be, to its end, without loading the page again. */
export async function watchRun(page: Page): Promise<string> {
  await page.waitForURL(/\/runs\/[\w-]+$/);
  const isStillHere = await markPage(page);
  const status = async (): Promise<string> => (await page.textContent('h1 .state')) ?? '';
  await expect.poll(status, { timeout: 90_000 }).toMatch(/^(?:succeeded|partial|failed|held|cancelled)$/);
  expect(await isStillHere()).toBe(true);
  return status();
}

/** At the provider: signs in as the first account, then says yes or no, and is back. */
export async function decide(page: Page, decision: 'Allow' | 'Deny'): Promise<void> {
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByRole('button', { name: decision }).click();
  await page.waitForURL(({ href }) => href.startsWith(inject('demo').url));
}

/** Types what a form for a connection to a simulated provider asks for. */
export async function fillConnection(page: Page, id: string, provider: Simulated): Promise<void> {
  await page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })");
  const groups = { settings: provider.settings, credentials: provider.credentials, endpoints: provider.urls };
  await page.locator('input[name="id"]').fill(id);
  for (const [group, values] of Object.entries(groups)) {
    for (const [name, value] of Object.entries(values)) {
      const field = page.locator(`[name="${group}.${name}"]`);
      if ((await field.count()) === 0) continue;
      const choice = page.locator(`select[name="${group}.${name}"]`);
      if ((await choice.count()) > 0) await choice.selectOption(value);
      else await field.fill(value);
    }
  }
}
