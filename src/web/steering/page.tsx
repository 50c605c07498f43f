/** What every steering page begins with: the frame, its style, the session. */
import type { Context } from 'hono';
import type { Child } from 'hono/jsx';
import { SluiceError } from '../../errors.ts';
import type { WebDeps, WebEnv } from '../contract.ts';
import { takeFlash } from '../flash.tsx';
import { readForm, requireFormToken, type SentForm } from '../form.ts';
import { renderPage, type PageOptions } from '../layout.tsx';
import { requireSameOrigin, requireSession, type Session, type Sessions } from '../session.ts';
import type { SteeringDeps } from '../steering-contract.ts';
import type { Api } from '../api/contract.ts';
import type { WebApp } from '../contract.ts';
import { steeringStyle } from './style.ts';

/** What steers needs both: the functions of `/v1`, and what pages need besides. */
export type SteeringWebDeps = WebDeps & { readonly steering: SteeringDeps; readonly api: Api };

export function sessionOf(c: Context<WebEnv>): Session {
  const session = c.get('session');
  if (session !== undefined) return session;
  throw new SluiceError('login_required', 'This needs an operator who is logged in.');
}

/** Puts session and same-origin checks before everything under these paths. */
export function guard(routes: WebApp, paths: readonly string[], deps: WebDeps, sessions: Sessions): void {
  for (const path of paths) {
    routes.use(path, requireSameOrigin(deps.publicUrl));
    routes.use(path, requireSession(sessions));
  }
}

/** A form of this session. @throws SluiceError `cross_site_request`, `request_invalid` */
export async function sentForm(c: Context<WebEnv>): Promise<SentForm> {
  const form = await readForm(c);
  requireFormToken(sessionOf(c), form.one('csrf'));
  return form;
}

/** `main` is what stands below the heading. */
export function showPage(
  c: Context<WebEnv>,
  deps: WebDeps,
  options: {
    readonly title: string;
    readonly section: NonNullable<PageOptions['section']>;
    readonly status?: 200 | 400 | 422;
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

export function CsrfField({ session }: { session: Session }) {
  return <input type="hidden" name="csrf" value={session.csrf} />;
}
