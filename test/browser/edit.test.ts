/** An operator edits a connection, and finds one among many; a fleet of its own, since a demo has only five. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Browser } from 'playwright-core';
import { startConsole, type TestConsole } from '../support/console.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { PASSWORD } from '../web/site.ts';
import { accessibilityProblems, openBrowser, openPage, scrollsSideways, type TestPage } from './browser.ts';
import { looks } from './operator.ts';

/** What the form of the page before leads to. */
const PREVIEW = 'the preview of an edit';

describe('an operator of many connections', () => {
  let browser: Browser;
  let fleet: Fleet;
  let web: TestConsole;
  beforeAll(async () => {
    [browser, fleet] = await Promise.all([openBrowser(), startFleet({ lucca: { records: 20 } })]);
    web = await startConsole(fleet);
    await fleet.connect('acme', {
      streams: ['departments'],
    });
    await fleet.runtime.db.pool.query(`update sluice.connections set managed_by = 'api' where id = 'acme'`);
    // enough for a second page
    await fleet.runtime.db.pool.query(
      `insert into sluice.connections (id, provider, managed_by, config, credentials, state)
       select 'tenant-' || lpad(n::text, 3, '0'), provider, 'api', config, credentials,
              case when n % 7 = 0 then 'paused' when n % 11 = 0 then 'needs_attention' else 'active' end
         from sluice.connections, generate_series(1, 120) n where id = 'acme'`,
    );
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

  it('edits one by form, after a preview that shows what changes, and rotates its secret', async () => {
    const { page, context, complaints } = await loggedIn('/connections/acme');
    await page.getByRole('link', { name: 'Edit' }).click();
    expect(await page.getByLabel('host').inputValue()).toBe(String(fleet.lucca.settings.host));
    expect(await page.getByLabel('clientSecret', { exact: true }).inputValue()).toBe('');
    await page.getByLabel('schedule').fill('sometimes');
    await page.getByRole('button', { name: 'Check and show what changes' }).click();
    expect(await page.getByRole('alert').textContent()).toContain('One thing is not right yet');
    await page.getByLabel('schedule').fill('every 2h');
    await page.getByLabel('clientSecret', { exact: true }).fill('a-new-secret');
    await page.getByText('Two of them, while clientSecret is rotated').click();
    await page.getByLabel('Keep the stored clientSecret as the second one').check();
    await page.getByRole('button', { name: 'Check and show what changes' }).click();
    // the provider refuses the new one and takes the other
    const changes = await page.locator('tbody').textContent();
    expect(changes).toContain('credentials.clientSecret');
    expect(changes).toContain('every 2h');
    expect(await page.content()).not.toContain('a-new-secret');
    await page.getByRole('button', { name: 'Change something' }).click();
    expect(await page.getByLabel('schedule').inputValue()).toBe('every 2h');
    await page.getByRole('button', { name: 'Check and show what changes' }).click();
    // the secret must be typed once more
    expect(await page.textContent('#credentials-clientSecret-help')).toContain('has no new one');
    await page.getByLabel('clientSecret', { exact: true }).fill('a-new-secret');
    await page.getByRole('button', { name: 'Check and show what changes' }).click();
    await page.getByRole('button', { name: 'Store the changes' }).click();
    await page.waitForURL(/\/connections\/acme$/);
    expect(await page.textContent('#content')).toContain('Changed.');
    expect(await page.textContent('main')).toContain('every 2h');
    // the browser reports the answer that said what was wrong
    expect(complaints.filter((line) => !line.includes('422'))).toEqual([]);
    await context.close();
  });

  it('finds a connection among many, page by page', async () => {
    const { page, context } = await loggedIn('/connections');
    expect(await page.textContent('caption')).toMatch(/^50 of 12\d connections/);
    await page.getByRole('link', { name: 'Next' }).click();
    await page.getByRole('link', { name: 'First' }).click();
    await page.getByLabel('State').selectOption('paused');
    await page.getByLabel('Id or provider').fill('tenant-0');
    await page.getByRole('button', { name: 'Show' }).click();
    expect(await page.textContent('caption')).toMatch(/^14 connections that fit/);
    await page.getByRole('link', { name: 'tenant-007' }).click();
    expect(await page.getByRole('link', { name: 'Sync now' }).count()).toBe(0);
    await page.getByRole('link', { name: 'Resume' }).click();
    await page.getByRole('button', { name: 'Resume' }).click();
    expect(await page.getByRole('link', { name: 'Sync now', exact: true }).first().isVisible()).toBe(true);
    await context.close();
  });

  it.each(looks)(
    'finds each page readable: $theme, $width pixels',
    async (look) => {
      const { page, context, complaints } = await loggedIn('/connections', look);
      for (const [index, path] of [
        '/connections/new?provider=lucca',
        '/connections/acme/edit',
        PREVIEW,
        '/connections',
        '/connections?state=paused&search=tenant',
        '/connections/tenant-014',
        '/',
        '/?days=7',
      ].entries()) {
        if (path === PREVIEW) {
          await page.getByLabel('schedule').fill('every 3h');
          await page.getByRole('button', { name: 'Check and show what changes' }).click();
          await page.getByRole('button', { name: 'Store the changes' }).waitFor();
        } else await page.goto(web.url + path);
        if (path.startsWith('/?') || path === '/') await page.locator('#plots canvas').first().waitFor();
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
    },
    180_000,
  );
});
