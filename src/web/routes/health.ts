/** `/livez`: the process serves. `/readyz`: it can work, and if not, what is missing and how to mend it. */
import { Hono } from 'hono';
import { SluiceError } from '../../errors.ts';
import type { ProbeDeps, Readiness, WebApp, WebEnv } from '../contract.ts';
import { LATE, withDeadline } from '../deadline.ts';

export function healthRoutes(deps: ProbeDeps): WebApp {
  const routes = new Hono<WebEnv>();
  const readiness = readinessProbe(deps);
  routes.get('/livez', (c) => c.json({ ok: true }, 200, { 'Cache-Control': 'no-store' }));
  routes.get('/readyz', async (c) => {
    const answer = await readiness();
    return c.json(answer, answer.ok ? 200 : 503, { 'Cache-Control': 'no-store' });
  });
  return routes;
}

/**
 * Asks `ready` and answers within its time limit, whatever happens. Probes that come while one is under way
 * share it, so that a database which hangs isn't asked again by each of them; after ten times the limit a
 * question counts as lost, and a new one is asked.
 */
function readinessProbe(deps: ProbeDeps): () => Promise<Readiness> {
  const limitMs = deps.readyTimeoutMs ?? 2000;
  let asked: { answer: Promise<Readiness>; at: number } | undefined;
  return async () => {
    if (asked === undefined || deps.now() - asked.at > 10 * limitMs) {
      const question = { answer: ask(deps), at: deps.now() };
      asked = question;
      void question.answer.then(() => {
        if (asked === question) asked = undefined;
      });
    }
    const answer = await withDeadline(asked.answer, limitMs);
    return answer === LATE
      ? notReady(
          `No answer within ${limitMs / 1000} s.`,
          'Check that the database and Redis answer from this machine.',
        )
      : answer;
  };
}

/** Never rejects. An error that isn't ours stays in the log: this route is open to anyone. */
async function ask(deps: ProbeDeps): Promise<Readiness> {
  try {
    return await deps.ready();
  } catch (error) {
    deps.logger.warn({ err: error }, 'readiness check failed');
    if (error instanceof SluiceError) return notReady(error.message, error.advice);
    return notReady('The check itself failed.', 'Look at the log for "readiness check failed".');
  }
}

function notReady(message: string, advice: string): Readiness {
  return { ok: false, checks: [{ name: 'readiness', ok: false, message, advice }] };
}
