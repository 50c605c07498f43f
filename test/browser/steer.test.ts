/** An operator at work: a connection added by form, synced, its deletes allowed; an event applied again. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Page } from 'playwright-core';
import { simulated, steer } from './demo.ts';
import { fillConnection, looks, looksRight, openOperator, watchRun, type Operator } from './operator.ts';

/** Employees of the demo's Lucca, and what is left of them for a while. */
const [MANY, FEW] = [120, 8];

describe('an operator', () => {
  let operator: Operator;
  beforeAll(async () => {
    operator = await openOperator();
  });
  afterAll(async () => {
    await steer('lucca', 'clear-faults');
    await steer('lucca', 'resize', { resource: 'employees', count: MANY });
    await operator?.close();
  });

  async function syncNow(page: Page): Promise<void> {
    await page.goto(`${operator.url}/connections/by-browser/actions/sync`);
    await page.getByRole('button', { name: 'Sync now' }).click();
    await page.waitForURL(/\/runs\/[\w-]+$/);
  }
  async function employees(page: Page): Promise<number> {
    await page.goto(`${operator.url}/connections/by-browser`);
    const row = page
      .getByRole('row')
      .filter({ has: page.getByRole('link', { name: 'employees', exact: true }) });
    return Number(/^\d+/.exec((await row.locator('[data-label="Records"]').textContent()) ?? '')?.[0]);
  }

  it('adds a connection by form, after the form said what is wrong, and watches its first sync live', async () => {
    const opened = await operator.open('/connections/new');
    const { page, context } = opened;
    const lucca = await simulated('lucca');
    await page.getByRole('link', { name: 'Connect Lucca' }).click();
    await fillConnection(page, 'by-browser', { ...lucca, settings: { host: 'not-of.example' } });
    await page.locator('input[name="streams"][value="employees"]').check();
    await page.locator('input[name="schedule"]').fill('manual');
    await page.getByRole('button', { name: 'Check and add' }).click();
    expect(await page.getByRole('alert').textContent()).toContain('One thing is not right yet');
    await looksRight(opened, 422);
    const secret = page.locator('input[name="credentials.clientSecret"]');
    expect(await secret.inputValue()).toBe('');
    expect(await page.content()).not.toContain(lucca.credentials.clientSecret);
    await page.locator('input[name="settings.host"]').fill(String(lucca.settings.host));
    await secret.fill(String(lucca.credentials.clientSecret));
    await page.getByRole('button', { name: 'Check and add' }).click();
    await page.waitForURL(/\/connections\/by-browser\/added$/);
    expect(await page.textContent('pre')).toContain('${BY_BROWSER_CLIENT_SECRET}');

    // slow enough to be seen at work, whoever else of the demo asks meanwhile
    await steer('lucca', 'faults', { kind: 'slow', delayMs: 1_500, path: '*/employees*', times: 4 });
    await page.getByRole('link', { name: 'Sync now' }).click();
    await page.getByRole('button', { name: 'Sync now' }).click();
    await page.waitForURL(/\/runs\/[\w-]+$/);
    expect(await page.textContent('h1 .state')).toMatch(/^(?:queued|running|waiting)$/);
    await expect.poll(() => page.textContent('#live')).toContain('Live');
    expect(await watchRun(page)).toBe('succeeded');
    expect(await page.textContent('main')).toContain('Timeline');
    expect(await employees(page)).toBeGreaterThan(100);
    await context.close();
  });

  it('allows deletes that are held, after the overview said so', async () => {
    await steer('lucca', 'resize', { resource: 'employees', count: FEW });
    const opened = await operator.open('/');
    const { page, context } = opened;
    await syncNow(page);
    expect(await watchRun(page)).toBe('held');
    await looksRight(opened);
    expect(await employees(page)).toBeGreaterThan(100);
    await page.goto(operator.url);
    const item = page.locator('.needs > li').filter({ hasText: 'by-browser' });
    await looksRight(opened);
    await item.getByRole('link', { name: 'Look at the deletes' }).click();
    expect(await page.textContent('main')).toMatch(
      /\d+ of \d+ records of employees are no longer at the source/,
    );
    await looksRight(opened);
    await page.getByRole('button', { name: 'Allow, once' }).click();
    expect(await watchRun(page)).toBe('succeeded');
    // the demo goes on hiring
    expect(await employees(page)).toBeLessThan(FEW * 4);
    await page.goto(operator.url);
    expect(await item.count()).toBe(0);
    await context.close();
  });

  it('applies an event again', async () => {
    const { page, context } = await operator.open('/events?connection=demo-lucca&status=processed');
    await page
      .getByRole('link', { name: /^employee\./ })
      .first()
      .click();
    expect(await page.textContent('pre')).toContain('employee');
    await page.getByRole('link', { name: 'Apply again' }).click();
    await page.getByRole('button', { name: 'Apply again' }).click();
    await expect.poll(() => page.textContent('#content')).toContain('The event is applied again.');
    await expect
      .poll(async () => {
        await page.reload();
        return page.textContent('main');
      })
      .toMatch(/processed.*once, last by session/s);
    await context.close();
  });

  it.each(looks)('finds each page readable: $theme, $width pixels', async (look) => {
    const opened = await operator.open('/events?connection=demo-lucca', look);
    const { page, context } = opened;
    const event = await page.locator('main a[href^="/events/e"]').first().getAttribute('href');
    const pages = [
      '/audit',
      '/events',
      event ?? '/events/none',
      `${event}/replay`,
      '/notifications',
      '/connections/new',
      '/connections/new?provider=floriday',
      '/connections/by-browser/actions/reset',
      '/connections/by-browser/actions/remove',
      '/connections/by-browser/actions/sync',
      '/connections/demo-lucca/actions/webhooks',
      '/connections/by-browser/added',
    ];
    for (const path of pages) {
      await page.goto(operator.url + path);
      await looksRight(opened);
    }
    await context.close();
  });
});
