/** What an operator reads, on the demo's data. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { accessibilityProblems, openPage } from './browser.ts';
import { logIn, looks, looksRight, markPage, openOperator, type Operator } from './operator.ts';

describe('the pages of the demo', () => {
  let operator: Operator;
  beforeAll(async () => {
    operator = await openOperator();
  });
  afterAll(() => operator?.close());

  it('ask for the password first, say when it is wrong, and open with the right one', async () => {
    const { page, context, complaints } = await operator.stranger();
    await page.goto(operator.url);
    expect(page.url()).toContain('/login');
    await page.getByLabel('Password').fill('wrong');
    await page.getByRole('button').click();
    await expect.poll(() => page.textContent('body')).toMatch(/wrong|not the password|didn.t match/i);
    await logIn(page);
    expect(page.url()).toBe(`${operator.url}/`);
    const text = await page.textContent('body');
    expect(text).toContain('demo-lucca');
    expect(text).toContain('demo-floriday');
    // the browser reports the refused login itself
    expect(complaints.filter((line) => !line.includes('401'))).toEqual([]);
    await context.close();
  });

  it.each(looks)('are readable for everybody: $theme, $width pixels', async (look) => {
    const login = await operator.stranger(look);
    await login.page.goto(`${operator.url}/login`);
    await looksRight(login);
    await login.context.close();
    const opened = await operator.open('/', look);
    const { page, context } = opened;
    const show = async (path: string): Promise<void> => {
      await page.goto(operator.url + path);
      await looksRight(opened);
    };
    // the script has drawn the plots
    await page.locator('#plots canvas').first().waitFor();
    await page.getByText('The same as a table').click();
    await looksRight(opened);
    for (const path of ['/connections', '/runs', '/providers', '/providers/lucca', '/connections/demo-lucca'])
      await show(path);
    await show('/connections/demo-lucca/streams/employees');
    await show((await page.locator('main th a').first().getAttribute('href')) ?? '');
    expect(await page.textContent('main')).toContain('As it is now');
    await show('/connections/demo-lucca/streams/employees/rejected');
    await page.goto(`${operator.url}/runs?connection=demo-lucca&status=succeeded`);
    await show((await page.locator('main th a').first().getAttribute('href')) ?? '');
    expect(await page.textContent('main')).toContain('Timeline');
    await context.close();
  });

  it('keep themselves up to date while runs come and go', async () => {
    const { page, context, complaints } = await operator.open('/runs?connection=demo-lucca');
    await expect.poll(() => page.textContent('#live')).toContain('Live');
    const first = (): Promise<string | null> => page.locator('main th a').first().getAttribute('href');
    const before = await first();
    const isStillHere = await markPage(page);
    // asked for elsewhere: nobody loads this page again
    const other = await operator.open('/connections/demo-lucca/actions/sync');
    await other.page.getByRole('button', { name: 'Sync now' }).click();
    await expect.poll(first, { timeout: 55_000 }).not.toBe(before);
    expect(await isStillHere()).toBe(true);
    expect(complaints).toEqual([]);
    await other.context.close();
    await context.close();
  });

  it('would be found out by the same look if a picture had no text', async () => {
    const { page, context } = await openPage(operator.browser);
    await page.setContent('<html lang="en"><title>t</title><main><h1>t</h1><img src="x"></main></html>');
    expect(await accessibilityProblems(page)).toEqual([expect.stringContaining('image-alt')]);
    await context.close();
  });

  it('show the queues in Bull Board', async () => {
    const { page, context } = await operator.open('/queues');
    await expect.poll(() => page.textContent('body'), { timeout: 20_000 }).toContain('streams');
    await context.close();
  });
});
