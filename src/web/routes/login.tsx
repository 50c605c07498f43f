/** The one login of the console: form, password check, session, logout. */
import { Hono, type Context } from 'hono';
import { SluiceError } from '../../errors.ts';
import { operator } from '../actor.ts';
import { clientAddress } from '../client-address.ts';
import type { WebApp, WebDeps, WebEnv } from '../contract.ts';
import { readForm, requireFormToken } from '../form.ts';
import { spanWords } from '../format.ts';
import { renderPage } from '../layout.tsx';
import { localPath } from '../local-path.ts';
import { createLoginLimiter } from '../login-limit.ts';
import { requireSameOrigin, type Sessions } from '../session.ts';

type LoginStatus = 200 | 401 | 403 | 429;

export function loginRoutes(deps: WebDeps, sessions: Sessions): WebApp {
  const routes = new Hono<WebEnv>();
  const limiter = createLoginLimiter(deps.now);

  const form = async (c: Context<WebEnv>, next: string, status: LoginStatus, problem?: SluiceError) => {
    const token = await sessions.loginToken(c);
    c.header('Cache-Control', 'no-store');
    return c.html(
      renderPage(
        { title: 'Log in', nonce: c.get('secureHeadersNonce') },
        <LoginForm token={token} next={next} problem={problem} />,
      ),
      status,
    );
  };

  routes.get('/login', async (c) => {
    const next = localPath(c.req.query('next'));
    if ((await sessions.read(c)) !== null) return c.redirect(next, 303);
    return form(c, next, 200);
  });

  routes.use('/login', requireSameOrigin(deps.publicUrl));
  routes.post('/login', async (c) => {
    const { one: sent } = await readForm(c);
    const next = localPath(sent('next'));
    if (!(await sessions.loginTokenMatches(c, sent('token') ?? ''))) {
      const stale = new SluiceError('cross_site_request', 'This form was out of date.', {
        advice: 'Enter the password once more; cookies must be allowed for this site.',
      });
      return form(c, next, 403, stale);
    }
    const client = clientAddress(c);
    const waitMs = limiter.take(client);
    if (waitMs > 0) {
      c.header('Retry-After', String(Math.ceil(waitMs / 1000)));
      const message = `Too many attempts. Try again in ${spanWords(waitMs)}.`;
      return form(c, next, 429, new SluiceError('login_rate_limited', message));
    }
    if (!sessions.passwordMatches(sent('password') ?? '')) {
      deps.logger.warn({ client }, 'login failed');
      return form(c, next, 401, new SluiceError('login_failed', 'That is not the password.'));
    }
    limiter.forgive(client);
    const id = await sessions.open(c);
    await deps.steering?.note(operator(c, id), 'session.login');
    deps.logger.info({ client }, 'operator logged in');
    c.header('Cache-Control', 'no-store');
    if (!next.startsWith('/connect/')) return c.redirect(next, 303);
    // A browser holds the whole chain of redirects after a form to `form-action`, and a consent leaves for the provider:
    // it begins with a navigation of its own (Content Security Policy 3, section 6.4.1).
    c.header('Refresh', `0; url=${next}`);
    return c.html(
      renderPage(
        { title: 'Logged in', nonce: c.get('secureHeadersNonce') },
        <p>
          You are logged in. <a href={next}>Go on to the provider</a>
        </p>,
      ),
    );
  });

  routes.use('/logout', requireSameOrigin(deps.publicUrl));
  routes.post('/logout', async (c) => {
    const session = await sessions.read(c);
    if (session !== null) {
      requireFormToken(session, (await readForm(c)).one('csrf'));
      sessions.close(c, session);
      await deps.steering?.note(operator(c, session.id), 'session.logout');
    }
    c.header('Cache-Control', 'no-store');
    return c.redirect('/login', 303);
  });
  return routes;
}

function LoginForm({
  token,
  next,
  problem,
}: {
  token: string;
  next: string;
  problem: SluiceError | undefined;
}) {
  return (
    <main class="narrow">
      <h1>Log in to Sluice</h1>
      {problem !== undefined && (
        <div class="alert" role="alert" id="login-problem">
          <strong>{problem.message}</strong> {problem.advice}
        </div>
      )}
      <form class="panel form" method="post" action="/login">
        <input type="hidden" name="token" value={token} />
        <input type="hidden" name="next" value={next} />
        {/* password managers file a password under a name */}
        <input type="text" name="username" value="operator" autocomplete="username" hidden />
        <label for="password">Operator password</label>
        <input
          id="password"
          name="password"
          type="password"
          autocomplete="current-password"
          required
          autofocus
          aria-describedby={problem === undefined ? 'password-hint' : 'login-problem password-hint'}
        />
        <p id="password-hint" class="muted">
          The value of <code>SLUICE_ADMIN_PASSWORD</code>. Where none is set, <code>sluice start</code> and
          the demo make one and print it.
        </p>
        <button type="submit">Log in</button>
      </form>
    </main>
  );
}
