/** How simulated providers embed oidc-provider: its answers are caught, so that the common front can change and send them. */

import type { KoaContextWithOIDC, Provider } from 'oidc-provider';

import { textOf } from './form.ts';
import type { Answer, SandboxRequest } from './http.ts';

/**
 * oidc-provider complains about Node 20 on import, although all that is used here runs on it (the tests do); its line
 * would stand in the middle of a terminal that shows something else.
 */
export async function loadProvider() {
  const { warn } = console;
  console.warn = (...args: unknown[]) => {
    if (!String(args[0]).includes('oidc-provider WARNING: Unsupported runtime')) warn(...args);
  };
  try {
    return await import('oidc-provider');
  } finally {
    console.warn = warn;
  }
}

type Middleware = (ctx: KoaContextWithOIDC, next: () => Promise<void>) => Promise<void>;

/** Answers requests by oidc-provider. `around` runs in its place and may call it. */
export function capture(
  provider: Provider,
  around: Middleware,
): (request: SandboxRequest) => Promise<Answer> {
  const waiting = new WeakMap<object, (answer: Answer) => void>();
  provider.use(async (context, next) => {
    const ctx = context as unknown as KoaContextWithOIDC;
    await around(ctx, next);
    // the front sends the answer, so that faults can change it
    ctx.respond = false;
    const headers: Answer['headers'] = {};
    for (const [name, value] of Object.entries(ctx.response.headers)) {
      if (value === undefined || name === 'content-length') continue;
      headers[name] = Array.isArray(value) ? value.map(String) : String(value);
    }
    const body = typeof ctx.body === 'object' ? JSON.stringify(ctx.body ?? {}) : textOf(ctx.body);
    waiting.get(ctx.req)?.({ status: ctx.status, headers, body });
  });
  const callback = provider.callback();
  return ({ raw }) =>
    new Promise((resolve, reject) => {
      waiting.set(raw.request, resolve);
      Promise.resolve(callback(raw.request, raw.response)).catch(reject);
    });
}
