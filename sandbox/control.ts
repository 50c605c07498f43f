/**
 * Steers simulated providers of another process: `POST /_sandbox/<provider>/<command>` with JSON, on a port of its own, so
 * that no command can be mistaken for a provider's API. It has no login and listens on 127.0.0.1 only.
 */

import { serve } from '@hono/node-server';
import type { ServerType } from '@hono/node-server';
import { Hono } from 'hono';
import type { AddressInfo } from 'node:net';

import type { SimulatedProvider } from './contract.ts';
import type { Fault } from './faults.ts';

type Body = Readonly<Record<string, unknown>>;

/** What the control server and the stand-alone process tell about a provider. */
export function describe(provider: SimulatedProvider) {
  const { id, urls, settings, credentials, source } = provider;
  const records = Object.fromEntries(source.resources.map((name) => [name, source.count(name)]));
  return { id, urls, settings, credentials, records };
}

/** The commands that every provider has; its own come on top. */
function commandsOf(provider: SimulatedProvider): Record<string, (body: Body) => unknown> {
  const { source, faults, requests } = provider;
  const text = (body: Body, name: string): string => {
    if (typeof body[name] !== 'string') throw new Error(`the command needs a text '${name}'`);
    return body[name];
  };
  const fields = (body: Body): Body => (body['fields'] ?? {}) as Body;
  return {
    state: (body) => ({ items: source.list(text(body, 'resource')) }),
    edit: (body) => source.edit(body),
    insert: (body) => source.insert(text(body, 'resource'), fields(body)),
    update: (body) => source.update(text(body, 'resource'), text(body, 'id'), fields(body)),
    remove: (body) => source.remove(text(body, 'resource'), text(body, 'id')),
    resize: (body) => source.resize(text(body, 'resource'), Number(body['count'])),
    faults: (body) => faults.add(body as unknown as Fault),
    'clear-faults': () => faults.clear(),
    counters: () => requests.counters(),
    requests: () => ({ items: requests.list() }),
    'clear-requests': () => requests.clear(),
    ...provider.commands,
  };
}

export async function startControl(
  providers: readonly SimulatedProvider[],
  port: number,
): Promise<{ readonly origin: string; close(): Promise<void> }> {
  const app = new Hono();
  app.get('/_sandbox', (context) => context.json({ providers: providers.map(describe) }));
  app.post('/_sandbox/:provider/:command', async (context) => {
    const provider = providers.find(({ id }) => id === context.req.param('provider'));
    const command = provider === undefined ? undefined : commandsOf(provider)[context.req.param('command')];
    if (command === undefined) return context.json({ error: 'no such provider or command' }, 404);
    try {
      const sent = await context.req.text();
      const result = command(sent === '' ? {} : (JSON.parse(sent) as Body));
      return context.json(result ?? {});
    } catch (error) {
      return context.json({ error: (error as Error).message }, 400);
    }
  });
  const server = await new Promise<ServerType>((resolve, reject) => {
    const starting = serve({ fetch: app.fetch, hostname: '127.0.0.1', port }, () => resolve(starting));
    starting.once('error', reject);
  });
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      if ('closeAllConnections' in server) server.closeAllConnections();
      await closed;
    },
  };
}
