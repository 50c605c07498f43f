/** A real browser for tests: the system's chromium, a page per test, and what it had to complain about. */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, join } from 'node:path';
import {
  chromium,
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  type Page,
} from 'playwright-core';

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** Debian's name, and those of other systems. */
const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

export interface Look {
  readonly theme?: 'light' | 'dark';
  readonly width?: 375 | 1440;
}

export interface TestPage {
  readonly page: Page;
  readonly context: BrowserContext;
  /** errors on the console: what the content security policy refused, scripts that failed */
  readonly complaints: readonly string[];
}

/** The browser named by CHROMIUM_PATH, or the first one on the PATH. */
export async function openBrowser(): Promise<Browser> {
  const folders = (process.env.PATH ?? '').split(delimiter);
  const found =
    process.env.CHROMIUM_PATH ??
    names.flatMap((name) => folders.map((folder) => join(folder, name))).find((path) => existsSync(path));
  if (found === undefined)
    throw new Error(
      `no chromium on the PATH (looked for ${names.join(', ')}); install one, or set CHROMIUM_PATH`,
    );
  // its sandbox needs rights that root and containers lack
  return chromium.launch({ executablePath: found, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
}

export async function openPage(
  browser: Browser,
  look: Look & Pick<BrowserContextOptions, 'storageState'> = {},
): Promise<TestPage> {
  const width = look.width ?? 1440;
  const context = await browser.newContext({
    colorScheme: look.theme ?? 'light',
    viewport: { width, height: width === 375 ? 812 : 900 },
    ...(look.storageState === undefined ? {} : { storageState: look.storageState }),
  });
  const page = await context.newPage();
  // less than a test has, so that it says what it waited for
  page.setDefaultTimeout(20_000);
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(`${message.text()} (${message.location().url})`);
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  return { page, context, complaints };
}

interface AxeResult {
  readonly violations: readonly {
    readonly id: string;
    readonly help: string;
    readonly nodes: readonly { readonly html: string }[];
  }[];
}

/** What axe finds against WCAG 2.2 AA on the page as it stands, a line each. */
export async function accessibilityProblems(page: Page): Promise<string[]> {
  // evaluated by the debugger, which the page's policy doesn't bind
  await page.evaluate(axeSource);
  const tags = JSON.stringify(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']);
  const result = (await page.evaluate(`axe.run(document, { runOnly: ${tags} })`)) as AxeResult;
  return result.violations.map(
    ({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.html).join(' | ')}`,
  );
}

/** True where the page is wider than the window, which makes a phone scroll sideways. */
export async function scrollsSideways(page: Page): Promise<boolean> {
  return (await page.evaluate(
    'document.documentElement.scrollWidth > document.documentElement.clientWidth',
  )) as boolean;
}
