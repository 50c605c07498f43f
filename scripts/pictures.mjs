// Takes the pictures of docs/console.md: starts the demo in a folder of its own, logs in, and photographs a few pages.
// `--all FOLDER` takes every page instead, light and dark, on a phone and on a desk, for looking at them; CONSOLE_URL and
// CONSOLE_PASSWORD name a console that runs already. Needs a build, and a chromium (CHROMIUM_PATH, or /usr/bin/chromium).
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const root = join(import.meta.dirname, '..');
/** Milliseconds in which the demo makes a history worth a picture. */
const HISTORY_MS = 60_000;

const all = process.argv[2] === '--all' ? process.argv[3] : undefined;
const folder = all ?? join(root, 'docs', 'pictures');
mkdirSync(folder, { recursive: true });

const { url, password, end } =
  process.env.CONSOLE_URL === undefined
    ? await startDemo()
    : { url: process.env.CONSOLE_URL, password: process.env.CONSOLE_PASSWORD ?? '', end: async () => {} };
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM_PATH ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-dev-shm-usage'],
});
try {
  const pages = await places();
  if (all === undefined) {
    await take(pages.overview, 'overview', { theme: 'light', width: 1200, height: 820 });
    await take(pages.connection, 'connection', { theme: 'light', width: 1200, height: 820 });
    await take(pages.run, 'run', { theme: 'dark', width: 1200, height: 700 });
    await take(pages.record, 'record', { theme: 'light', width: 1200, height: 700 });
  } else {
    for (const [name, path] of Object.entries(pages))
      for (const theme of ['light', 'dark'])
        for (const width of [375, 1440])
          await take(path, `${name}-${width}-${theme}`, { theme, width, height: 900, fullPage: true });
  }
} finally {
  await browser.close();
  await end();
}

async function take(path, name, { theme, width, height, fullPage = false }) {
  const { page, context } = await open({ theme, width, height });
  await page.goto(url + path);
  await page.waitForTimeout(700);
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage });
  await context.close();
}

async function open({ theme, width, height }) {
  const context = await browser.newContext({ colorScheme: theme, viewport: { width, height } });
  const page = await context.newPage();
  await page.goto(`${url}/login`);
  await page.getByLabel('Password').fill(password);
  await page.keyboard.press('Enter');
  await page.waitForURL(`${url}/`);
  return { page, context };
}

/** Paths of the pages, found by following links as a person would. */
async function places() {
  const { page, context } = await open({ theme: 'light', width: 1440, height: 900 });
  const href = async (name) => page.getByRole('link', { name }).first().getAttribute('href');
  const found = {
    login: '/login',
    overview: '/',
    connections: '/connections',
    runs: '/runs',
    providers: '/providers',
  };
  await page.goto(`${url}/connections`);
  found.connection = (await href('demo-floriday')) ?? '';
  found.consented = (await href('demo-coloop')) ?? '';
  await page.goto(`${url}/providers`);
  found.provider = (await page.locator('main table a').first().getAttribute('href')) ?? '';
  await page.goto(`${url}/runs?connection=demo-floriday`);
  const runs = await page
    .locator('main th a')
    .evaluateAll((links) => links.map((link) => link.getAttribute('href')));
  found.run = runs.at(-1);
  await page.goto(url + found.connection);
  found.records = await page.locator('[data-live="streams"] th a').first().getAttribute('href');
  found.rejected = `${found.records}/rejected`;
  await page.goto(url + found.records);
  found.record = await page.locator('main th a').first().getAttribute('href');
  await context.close();
  return found;
}

async function startDemo() {
  const cwd = mkdtempSync(join(tmpdir(), 'sluice-pictures-'));
  chmodSync(cwd, 0o755); // for root: the server's own account must reach its data
  const demo = spawn(process.execPath, [join(root, 'dist', 'src', 'cli.js'), 'demo'], { cwd });
  let text = '';
  for (const stream of [demo.stdout, demo.stderr]) stream.on('data', (chunk) => (text += chunk));
  while (!text.includes('Ctrl-C')) {
    if (demo.exitCode !== null) throw new Error(`the demo ended:\n${text}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  await new Promise((resolve) => setTimeout(resolve, HISTORY_MS));
  return {
    url: /http:\/\/127\.0\.0\.1:\d+/.exec(text)?.[0] ?? '',
    password: /password:? +(\S+)/i.exec(text)?.[1] ?? '',
    async end() {
      demo.kill('SIGINT');
      await new Promise((resolve) => demo.once('close', resolve));
      rmSync(cwd, { recursive: true, force: true });
    },
  };
}
