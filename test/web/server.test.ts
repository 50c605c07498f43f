/** Opening a port, and closing it without cutting anybody off too early. */
import { once } from 'node:events';
import { createServer, connect, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { Hono } from 'hono';
import { afterEach, describe, expect, test } from 'vitest';
import { startServer, type RunningServer, type ServerOptions } from '../../src/web/server.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

const hello = new Hono().get('/', (c) => c.text('hello'));

async function start(options: Partial<ServerOptions> = {}): Promise<RunningServer> {
  const server = await startServer({ app: hello, host: '127.0.0.1', port: 0, ...options });
  closing.push(() => server.close(0));
  return server;
}

/** A port with a free one after it, the first of them taken by somebody else. */
async function takenPort(): Promise<number> {
  const other = createServer();
  other.listen(0, '127.0.0.1');
  await once(other, 'listening');
  closing.push(() => new Promise((resolve) => other.close(resolve)));
  return (other.address() as AddressInfo).port;
}

async function socketTo(server: RunningServer): Promise<Socket> {
  const socket = connect(server.port, '127.0.0.1');
  closing.push(() => socket.destroy());
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

async function textUntilEnd(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (part: Buffer) => (text += part.toString()));
  await once(socket, 'close');
  return text;
}

describe('a port', () => {
  test('is named in the URL, which always points to an address that can be opened', async () => {
    const server = await start({ host: '0.0.0.0' });
    expect(server.url).toBe(`http://127.0.0.1:${server.port}`);
    expect(await (await fetch(server.url)).text()).toBe('hello');
  });

  test('that is taken is a configuration error that names it', async () => {
    const port = await takenPort();
    await expect(start({ port })).rejects.toMatchObject({
      code: 'port_in_use',
      kind: 'config',
      message: `Port ${port} on 127.0.0.1 is taken.`,
    });
  });

  test('that is taken is stepped over where that is asked for', async () => {
    const port = await takenPort();
    const server = await start({ port, tryNextPorts: true });
    expect(server.port).toBeGreaterThan(port);
    expect(server.port).toBeLessThanOrEqual(port + 20);
  });

  test('on an address of another machine is a configuration error', async () => {
    await expect(start({ host: '192.0.2.1' })).rejects.toMatchObject({
      code: 'listen_failed',
      kind: 'config',
    });
  });

  test('is free again after closing, which may be asked for twice', async () => {
    const first = await start();
    await Promise.all([first.close(), first.close()]);
    const second = await start({ port: first.port });
    expect(second.port).toBe(first.port);
  });
});

describe('closing', () => {
  /** An app whose one request waits until it is let go. */
  function slow() {
    let letGo = (): void => {};
    let arrived = (): void => {};
    const gone = new Promise<void>((resolve) => (letGo = resolve));
    const here = new Promise<void>((resolve) => (arrived = resolve));
    const app = new Hono().get('/', async (c) => {
      arrived();
      await gone;
      return c.text('done');
    });
    return { app, here, letGo };
  }

  test('lets a request in work finish, and takes no new one', async () => {
    const { app, here, letGo } = slow();
    const server = await start({ app });
    const answer = fetch(server.url);
    await here;
    const closed = server.close(10_000);
    await expect(fetch(server.url)).rejects.toThrow();
    letGo();
    expect(await (await answer).text()).toBe('done');
    await closed;
  });

  test('cuts off what is not done within the grace', async () => {
    const { app, here, letGo } = slow();
    const server = await start({ app });
    const answer = fetch(server.url);
    answer.catch(() => {});
    await here;
    await server.close(30);
    await expect(answer).rejects.toThrow();
    letGo();
  });

  test('does not wait for idle connections, nor for one that turns idle meanwhile', async () => {
    const { app, here, letGo } = slow();
    const server = await start({ app, keepAliveTimeoutMs: 600_000 });
    const idle = await socketTo(server);
    const busy = await socketTo(server);
    busy.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n');
    const text = textUntilEnd(busy);
    await here;
    const closed = server.close(600_000);
    await once(idle.resume(), 'close');
    letGo();
    await closed;
    expect(await text).toContain('done');
  });
});

describe('a slow client', () => {
  test('that never ends its headers is sent away', async () => {
    const server = await start({ headersTimeoutMs: 50 });
    const socket = await socketTo(server);
    socket.write('GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ');
    expect(await textUntilEnd(socket)).toContain('408 Request Timeout');
  });

  test('that never ends its body is sent away', async () => {
    const app = new Hono()
      .post('/', async (c) => c.text(await c.req.text()))
      .onError((_error, c) => c.text('broken off', 400));
    // long enough for the request that follows, on a busy machine too
    const server = await start({ app, headersTimeoutMs: 500, requestTimeoutMs: 2_000 });
    const socket = await socketTo(server);
    socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc');
    await textUntilEnd(socket);
    expect(await (await fetch(server.url, { method: 'POST', body: 'ok' })).text()).toBe('ok');
  });
});
