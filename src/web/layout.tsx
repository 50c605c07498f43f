/** The frame of every page: head, style, header. */
import { html } from 'hono/html';
import type { Child } from 'hono/jsx';
import type { HtmlEscapedString } from 'hono/utils/html';
import { Flash } from './flash.tsx';
import { Navigation, type Section } from './navigation.tsx';
import type { Session } from './session.ts';
import { style } from './style.ts';

export interface PageOptions {
  readonly title: string;
  /** lets this page's own style and script through its content security policy */
  readonly nonce: string | undefined;
  /** shows navigation and the logout */
  readonly session?: Session | undefined;
  /** the section of the console that it belongs to */
  readonly section?: Section;
  /** whether `/queues` exists [true] */
  readonly queuesLink?: boolean;
  /** JavaScript of this page */
  readonly script?: string;
  /** paths under `/assets` that the page loads: scripts, in this order, and style sheets */
  readonly assets?: readonly string[];
  /** what an action that led here has done */
  readonly flash?: string | undefined;
  /** seconds after which a browser without JavaScript loads the page again */
  readonly refreshSeconds?: number;
}

const ICON =
  "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Crect width='16' height='16' rx='3' fill='%230b5cad'/%3E%3Cpath d='M3 6c2-2 3 2 5 0s3 2 5 0M3 10c2-2 3 2 5 0s3 2 5 0' fill='none' stroke='white' stroke-width='1.6' stroke-linecap='round'/%3E%3C/svg%3E";

/** A whole document around `body`, which holds the page's `<main>`. */
export function renderPage(
  options: PageOptions,
  body: Child,
): HtmlEscapedString | Promise<HtmlEscapedString> {
  const { title, nonce, session, section, script, assets = [], refreshSeconds } = options;
  const page = (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        <meta name="color-scheme" content="light dark" />
        {refreshSeconds !== undefined && (
          <noscript>
            <meta http-equiv="refresh" content={String(refreshSeconds)} />
          </noscript>
        )}
        <title>{`${title} · Sluice`}</title>
        <link rel="icon" href={ICON} />
        <style nonce={nonce} dangerouslySetInnerHTML={{ __html: style }} />
        {assets.map((path) =>
          /\.css(?:\?|$)/.test(path) ? (
            <link rel="stylesheet" href={path} nonce={nonce} />
          ) : (
            <script src={path} nonce={nonce} defer></script>
          ),
        )}
      </head>
      <body>
        {session !== undefined && (
          <a class="skip" href="#content">
            Skip to the content
          </a>
        )}
        <header class="bar">
          <div class="wide">
            <span class="brand">Sluice</span>
            {session !== undefined && (
              <Navigation session={session} section={section} queuesLink={options.queuesLink !== false} />
            )}
          </div>
        </header>
        <div id="content" tabindex={-1}>
          <Flash text={options.flash} />
          {body}
        </div>
        {script !== undefined && <script nonce={nonce} dangerouslySetInnerHTML={{ __html: script }} />}
      </body>
    </html>
  );
  return html`<!doctype html>${page}`;
}
