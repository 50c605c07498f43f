/** An operator at work in a browser: a connection added by form, synced, its deletes allowed; an event applied again. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Browser, Page } from 'playwright-core';
import { startConsole, type TestConsole } from '../support/console.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import {
  luccaEvent,
  luccaHeaders,
  send,
  settledEvents,
  startIntake,
  WEBHOOK_SECRET,
} from '../support/webhooks.ts';
import { PASSWORD } from '../web/site.ts';
import { accessibilityProblems, openBrowser, openPage, scrollsSideways, type TestPage } from './browser.ts';

const looks = [
  { theme: 'light', width: 1440 },
  { theme: 'dark', width: 1440 },
  { theme: 'light', width: 375 },
  { theme: 'dark', width: 375 },
] as const;

describe('an operator', () => {
  let browser: Browser;
  let fleet: Fleet;
  let web: TestConsole;
  beforeAll(async () => {
    [browser, fleet] = await Promise.all([openBrowser(), startFleet({ lucca: { records: 20 } })]);
    web = await startConsole(fleet);
    await fleet.connect('acme', {
      credentials: { ...fleet.lucca.credentials, webhookSecret: WEBHOOK_SECRET },
      streams: ['departments'],
      deletes: { maxShare: 0, minRows: 0 },
    });
    expect((await fleet.sync('acme')).status).toBe('succeeded');
    const intake = await startIntake(fleet.runtime);
    const body = luccaEvent({ topic: 'employee.updated', data: { id: 7, note: 'a payload' } });
    expect((await send(`${intake.url}/acme`, body, luccaHeaders(body))).status).toBe(200);
    await settledEvents(fleet);
    await intake.close();
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await web?.close();
    await fleet?.close();
  });

  async function loggedIn(path: string, look: Parameters<typeof openPage>[1] = {}): Promise<TestPage> {
    const opened = await openPage(browser, look);
    await opened.page.goto(web.url + path);
    await opened.page.getByLabel('Operator password').fill(PASSWORD);
    await opened.page.keyboard.press('Enter');
    await opened.page.waitForURL((url) => url.pathname !== '/login');
    return opened;
  }
  async function runShown(page: Page): Promise<string> {
    await page.waitForURL(/\/runs\/[\w-]+$/);
    return page.url().split('/').at(-1) ?? '';
  }

  it('adds a connection by form, after the form said what is wrong, and syncs it', async () => {
    const { page, context } = await loggedIn('/connections/new');
    await page.getByRole('link', { name: 'Connect Lucca' }).click();
    await page.getByLabel('id', { exact: true }).fill('by-browser');
    await page.getByLabel('host').fill('not-of.example');
    await page.getByLabel('clientId').fill(String(fleet.lucca.credentials.clientId));
    await page.getByLabel('clientSecret').fill(String(fleet.lucca.credentials.clientSecret));
    await page.getByText('Other addresses than').click();
    await page.getByLabel('token').fill(fleet.lucca.urls.token);
    await page.getByLabel('api', { exact: false }).last().fill(fleet.lucca.urls.api);
    await page.getByRole('button', { name: 'Check and add' }).click();
    expect(await page.getByRole('alert').textContent()).toContain('One thing is not right yet');
    expect(await page.getByLabel('clientSecret').inputValue()).toBe('');
    await page.getByLabel('host').fill(String(fleet.lucca.settings.host));
    await page.getByLabel('clientSecret').fill(String(fleet.lucca.credentials.clientSecret));
    await page.getByRole('button', { name: 'Check and add' }).click();
    await page.waitForURL(/\/connections\/by-browser\/added$/);
    expect(await page.textContent('pre')).toContain('${BY_BROWSER_CLIENT_SECRET}');
    await page.getByRole('link', { name: 'Sync now' }).click();
    await page.getByRole('button', { name: 'Sync now' }).click();
    expect((await fleet.ended(await runShown(page), 60_000)).status).toBe('succeeded');
    await context.close();
  });

  it('allows deletes that are held', async () => {
    const gone = fleet.lucca.source.list('departments').map(({ id }) => String(id));
    for (const id of gone.slice(1)) fleet.lucca.source.remove('departments', id);
    expect((await fleet.sync('acme')).status).toBe('held');
    const { page, context } = await loggedIn('/connections/acme/actions/allow-deletes');
    expect(await page.textContent('main')).toMatch(
      /\d+ of \d+ records of departments are no longer at the source/,
    );
    await page.getByRole('button', { name: 'Allow, once' }).click();
    expect((await fleet.ended(await runShown(page), 60_000)).status).toBe('succeeded');
    expect((await fleet.mirror('acme', 'departments')).size).toBe(1);
    await context.close();
  });

  it('applies an event again', async () => {
    const { page, context } = await loggedIn('/events');
    await page.getByRole('link', { name: 'employee.updated' }).click();
    expect(await page.textContent('pre')).toContain('a payload');
    await page.getByRole('link', { name: 'Apply again' }).click();
    await page.getByRole('button', { name: 'Apply again' }).click();
    await expect.poll(() => page.textContent('#content')).toContain('The event is applied again.');
    await context.close();
  });

  it.each(looks)('finds each page readable: $theme, $width pixels', async (look) => {
    const { page, context, complaints } = await loggedIn('/audit', look);
    const [event] = await settledEvents(fleet);
    for (const [index, path] of [
      '/audit',
      '/events',
      `/events/${event?.id}`,
      `/events/${event?.id}/replay`,
      '/notifications',
      '/connections/new',
      '/connections/new?provider=floriday',
      '/connections/acme/actions/reset',
      '/connections/acme/actions/remove',
      '/connections/acme/actions/sync',
      '/connections/acme/actions/webhooks',
      '/connections/acme/added',
    ].entries()) {
      await page.goto(web.url + path);
      if (process.env.PICTURES !== undefined)
        await page.screenshot({
          path: `${process.env.PICTURES}/${index}-${look.width}-${look.theme}.png`,
          fullPage: true,
        });
      expect(await accessibilityProblems(page), path).toEqual([]);
      expect(await scrollsSideways(page), path).toBe(false);
    }
    expect(complaints).toEqual([]);
    await context.close();
  });
});
