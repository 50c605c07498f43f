/** What every steering page begins with: the frame, its style, the session. */
import type { Context } from 'hono';
import type { Child } from 'hono/jsx';
import type { WebDeps, WebEnv } from '../contract.ts';
import { takeFlash } from '../flash.tsx';
import { sessionOf } from '../guard.ts';
import { renderPage, type PageOptions } from '../layout.tsx';
import type { Session } from '../session.ts';
import type { SteeringDeps } from '../steering-contract.ts';
import type { Api } from '../api/contract.ts';
import { steeringStyle } from './style.ts';

/** What steers needs both: the functions of `/v1`, and what pages need besides. */
export type SteeringWebDeps = WebDeps & { readonly steering: SteeringDeps; readonly api: Api };

/** `main` is what stands below the heading. */
export function showPage(
  c: Context<WebEnv>,
  deps: WebDeps,
  options: {
    readonly title: string;
    readonly section: NonNullable<PageOptions['section']>;
    readonly status?: 200 | 400 | 409 | 422;
  },
  main: Child,
): Response | Promise<Response> {
  const nonce = c.get('secureHeadersNonce');
  return c.html(
    renderPage(
      {
        title: options.title,
        nonce,
        session: sessionOf(c),
        section: options.section,
        queuesLink: deps.bullBoard !== undefined,
        flash: takeFlash(c),
      },
      <main>
        <style nonce={nonce} dangerouslySetInnerHTML={{ __html: steeringStyle }} />
        <h1>{options.title}</h1>
        {main}
      </main>,
    ),
    options.status ?? 200,
  );
}

/** Where a connection's own page is. */
export function connectionPath(id: string): string {
  return `/connections/${encodeURIComponent(id)}`;
}

export function editPath(id: string): string {
  return `${connectionPath(id)}/edit`;
}

export function CsrfField({ session }: { session: Session }) {
  return <input type="hidden" name="csrf" value={session.csrf} />;
}
