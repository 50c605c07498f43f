/** `/webhooks/:connection`: hands bytes to the intake and answers as senders expect. No bearer key: the signature decides. */
import { Hono, type Context } from 'hono';
import { SluiceError } from '../../errors.ts';
import { bodyTooLarge, readBody } from '../body.ts';
import type { WebApp, WebDeps, WebEnv } from '../contract.ts';
import { problemResponse } from '../problem.ts';
import { createRefusalPace } from '../refusal-pace.ts';

/** Seconds after which a sender is asked to come again, where it listens to that. */
const RETRY_AFTER = '5';

/** Whether a route reads the body by itself, within the same limit: the check of all others would read it first. */
export function readsItself(method: string, path: string): boolean {
  return method === 'POST' && path.startsWith('/webhooks/');
}

export function webhookRoutes(
  intake: NonNullable<WebDeps['intake']>,
  refusals = createRefusalPace(),
): WebApp {
  const routes = new Hono<WebEnv>();
  const answerError = async (c: Context<WebEnv>, error: unknown): Promise<Response> => {
    if (isOf(error, 'webhook_refused')) await refusals.turn();
    if (!isOf(error, 'webhooks_not_stored')) throw error;
    c.header('Retry-After', RETRY_AFTER);
    return problemResponse(c, error);
  };
  routes.post('/webhooks/:connection', async (c) => {
    const { incoming } = c.env;
    const body = await readBody(incoming);
    if (body === undefined) return bodyTooLarge(c);
    try {
      await intake.receive({
        connectionId: c.req.param('connection'),
        body,
        header: (name) => incoming.headers[name]?.toString(),
        query: (name) => c.req.query(name),
      });
    } catch (error) {
      return answerError(c, error);
    }
    return c.body(null, 200, { 'Cache-Control': 'no-store' });
  });
  routes.get('/webhooks/:connection', async (c) => {
    try {
      const text = await intake.echo({
        connectionId: c.req.param('connection'),
        query: (name) => c.req.query(name),
      });
      return c.text(text, 200, { 'Cache-Control': 'no-store' });
    } catch (error) {
      return answerError(c, error);
    }
  });
  return routes;
}

function isOf(error: unknown, code: 'webhook_refused' | 'webhooks_not_stored'): error is SluiceError {
  return error instanceof SluiceError && error.code === code;
}
