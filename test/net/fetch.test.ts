import { once } from 'node:events';
import type { LookupAddress } from 'node:dns';
import type { Socket } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { SluiceError } from '../../src/errors.ts';
import { createGuardedFetch, type GuardedFetcher, type GuardedFetchOptions } from '../../src/net/fetch.ts';
import type { NetPolicy } from '../../src/net/hosts.ts';
import { certificate, serveHttp, serveHttps, serveTcp, type TestServer } from './servers.ts';

const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((resource) => resource.close()));
});

async function using<T extends TestServer>(server: Promise<T>): Promise<T> {
  const started = await server;
  opened.push(started);
  return started;
}

function fetcher(policy: Partial<NetPolicy> = {}, options: GuardedFetchOptions = {}): GuardedFetcher {
  const made = createGuardedFetch({ allowLoopback: true, allowHosts: [], ...policy }, options);
  opened.push(made);
  return made;
}

const resolvesTo =
  (...addresses: string[]) =>
  (): Promise<LookupAddress[]> =>
    Promise.resolve(addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })));

async function failure(promise: Promise<unknown>): Promise<SluiceError> {
  const outcome = await promise.then(
    () => 'no error',
    (error: unknown) => error,
  );
  expect(outcome).toBeInstanceOf(SluiceError);
  return outcome as SluiceError;
}

describe('an exchange', () => {
  it('returns status, headers, body and url, and sends method, headers and body', async () => {
    const server = await using(
      serveHttp((request, response) => {
        const chunks: Buffer[] = [];
        request.on('data', (chunk: Buffer) => chunks.push(chunk));
        request.on('end', () => {
          response.writeHead(201, [
            ['X-Next-Page', '/more'],
            ['Set-Cookie', 'a=1'],
            ['Set-Cookie', 'b=2'],
            ['X-Latin', 'caf\u00e9'],
          ] as never);
          const { method, url, headers } = request;
          response.end(JSON.stringify({ method, url, headers, body: Buffer.concat(chunks).toString() }));
        });
      }),
    );
    const { fetch } = fetcher({ userAgent: 'sluice/1' });
    const answer = await fetch(`${server.origin}/a?b=c`, {
      method: 'POST',
      headers: { 'Content-Type': 'text/plain' },
      body: 'größe',
    });
    expect(answer.status).toBe(201);
    expect(answer.url).toBe(`${server.origin}/a?b=c`);
    expect(answer.headers.get('x-next-page')).toBe('/more');
    expect(answer.headers.get('x-latin')).toBe('caf\u00e9');
    expect(answer.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
    expect(JSON.parse(answer.body.toString())).toMatchObject({
      method: 'POST',
      url: '/a?b=c',
      body: 'größe',
      headers: { 'user-agent': 'sluice/1', 'content-type': 'text/plain', 'accept-encoding': 'gzip, br' },
    });
  });

  it.each([204, 304, 400, 401, 404, 429, 500, 503])(
    'returns the status %i instead of throwing',
    async (status) => {
      const server = await using(serveHttp((_, response) => response.writeHead(status).end()));
      await expect(fetcher().fetch(server.origin)).resolves.toMatchObject({ status });
    },
  );

  it.each([{}, { 'content-encoding': 'gzip' }])(
    'answers HEAD, whose length is of a body that does not come',
    async (extra) => {
      const server = await using(
        serveHttp((_, response) => response.writeHead(200, { 'content-length': 1e12, ...extra }).end()),
      );
      const answer = await fetcher().fetch(server.origin, { method: 'HEAD' });
      expect(answer.body).toHaveLength(0);
    },
  );

  it('waits for the answer behind informational ones', async () => {
    const server = await using(
      serveTcp((socket) =>
        socket.once('data', () => {
          socket.write('HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n');
          socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-a: b\r\n\r\nok');
        }),
      ),
    );
    const answer = await fetcher().fetch(server.origin);
    expect([answer.status, answer.body.toString(), answer.headers.get('link')]).toEqual([200, 'ok', null]);
  });

  it('reuses connections for calls in a row', async () => {
    const server = await using(serveHttp((_, response) => response.end('ok')));
    const { fetch } = fetcher();
    for (let call = 0; call < 20; call += 1) await fetch(server.origin);
    // undici lets a turn of the event loop pass before it writes to a socket again, so two take turns
    expect(server.connections.length).toBeLessThanOrEqual(2);
  });

  it('opens no more connections to an origin than the limit, and serves all calls', async () => {
    let open = 0;
    let most = 0;
    const server = await using(
      serveHttp((_, response) => {
        most = Math.max(most, (open += 1));
        setImmediate(() => {
          open -= 1;
          response.end('ok');
        });
      }),
    );
    const { fetch } = fetcher({}, { connectionsPerOrigin: 4 });
    const answers = await Promise.all(Array.from({ length: 60 }, () => fetch(server.origin)));
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    expect(server.connections.length).toBeLessThanOrEqual(4);
    expect(most).toBeGreaterThan(1);
  });
});

describe('the guard', () => {
  it('sends nothing to an address that the policy refuses', async () => {
    const server = await using(serveHttp((_, response) => response.end()));
    const { fetch } = fetcher({ allowLoopback: false });
    for (const host of ['127.0.0.1', 'localhost', '2130706433', '0x7f.1', '[::ffff:127.0.0.1]']) {
      const error = await failure(fetch(`https://${host}:${server.port}/`));
      expect(error.code).toBe('endpoint_refused');
    }
    expect(server.connections).toHaveLength(0);
  });

  it.each([
    ['127.0.0.1', 'loopback'],
    ['::ffff:127.0.0.1', 'loopback'],
    ['64:ff9b::7f00:1', 'loopback'],
    ['169.254.169.254', 'linkLocal'],
    ['10.0.0.1', 'private'],
    ['fd00::1', 'uniqueLocal'],
    ['0.0.0.0', 'unspecified'],
  ])('refuses a public name that resolves to %s', async (address, range) => {
    const server = await using(serveHttps((_, response) => response.end()));
    const { fetch } = fetcher({}, { resolve: resolvesTo(address), ca: [certificate] });
    const error = await failure(fetch(`https://api.example.test:${server.port}/?key=s3cret`));
    expect(error).toMatchObject({ code: 'endpoint_refused', kind: 'config' });
    expect(error.message).toContain(`api.example.test: it resolves to ${address} (${range})`);
    expect(server.connections).toHaveLength(0);
  });

  it('refuses a name when only one of its addresses is private', async () => {
    const server = await using(serveHttps((_, response) => response.end()));
    const { fetch } = fetcher(
      { allowHosts: ['127.0.0.1'] },
      { resolve: resolvesTo('127.0.0.1', '10.0.0.1') },
    );
    const error = await failure(fetch(`https://api.example.test:${server.port}/`));
    expect(error.message).toContain('10.0.0.1');
    expect(server.connections).toHaveLength(0);
  });

  it('connects to the address that it checked, and asks again for a new connection only', async () => {
    const server = await using(serveHttps((_, response) => response.end('ok')));
    const resolve = vi.fn(resolvesTo('10.0.0.1')).mockImplementationOnce(resolvesTo('127.0.0.1'));
    const { fetch } = fetcher(
      { allowHosts: ['127.0.0.1'] },
      { resolve, ca: [certificate], connectionsPerOrigin: 1 },
    );
    const url = `https://api.example.test:${server.port}/`;
    expect((await fetch(url)).status).toBe(200);
    expect((await fetch(url)).status).toBe(200);
    expect(resolve).toHaveBeenCalledTimes(1);
    for (const socket of server.connections) socket.destroy();
    await vi.waitFor(async () => expect((await failure(fetch(url))).code).toBe('endpoint_refused'));
    expect(server.connections).toHaveLength(1);
  });

  it('lets a listed name resolve to a private address, on its port only', async () => {
    const server = await using(serveHttp((_, response) => response.end('ok')));
    const { fetch } = fetcher(
      { allowLoopback: false, allowHosts: [`idp.corp:${server.port}`] },
      { resolve: resolvesTo('127.0.0.1') },
    );
    expect((await fetch(`http://idp.corp:${server.port}/`)).status).toBe(200);
    expect((await failure(fetch(`https://idp.corp:${server.port + 1}/`))).code).toBe('endpoint_refused');
  });

  it('does not let localhost lead anywhere but to this machine', async () => {
    const { fetch } = fetcher({}, { resolve: resolvesTo('8.8.8.8') });
    const error = await failure(fetch('http://localhost:4010/'));
    expect(error).toMatchObject({ code: 'endpoint_refused' });
    expect(error.message).toContain('8.8.8.8 (public)');
  });

  it.each([301, 302, 303, 307, 308])(
    'refuses a redirect (%i) and names only the origin of its target',
    async (status) => {
      const server = await using(
        serveHttp((_, response) =>
          response.writeHead(status, { location: 'https://b.example/p?token=s3cret' }).end(),
        ),
      );
      const error = await failure(fetcher().fetch(`${server.origin}/x`));
      expect(error).toMatchObject({
        code: 'redirect_refused',
        kind: 'data',
        details: { status, targetOrigin: 'https://b.example' },
      });
      expect(error.message).toContain('https://b.example,');
      expect(error.message).not.toContain('s3cret');
    },
  );

  it('refuses headers that would break out of their line or move the request to another host', async () => {
    const server = await using(serveHttp((_, response) => response.end()));
    const { fetch } = fetcher();
    for (const headers of [
      { authorization: 'Bearer s3cret\r\nx: y' },
      { 'x-api-key': 's3cret\n' },
      { 'bad name': 's3cret' },
      { Host: 's3cret.example' },
      { 'Transfer-Encoding': 's3cret' },
    ]) {
      const error = await failure(fetch(server.origin, { headers: headers }));
      expect(error).toMatchObject({ code: 'request_malformed', kind: 'config' });
      expect(error.message).not.toContain('s3cret');
    }
    expect(server.connections).toHaveLength(0);
  });
});

describe('failures of the network', () => {
  const secretUrl = (origin: string): string => `${origin}/s3cret?key=s3cret`;

  it('name the host and the code, and nothing secret', async () => {
    const closed = await serveTcp(() => undefined);
    await closed.close();
    const reset = await using(serveTcp((socket) => socket.once('data', () => socket.resetAndDestroy())));
    const hangUp = await using(serveTcp((socket) => socket.once('data', () => socket.end())));
    const cutLength = await using(
      serveTcp((socket) =>
        socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\ns3cret')),
      ),
    );
    const cutChunks = await using(
      serveTcp((socket) =>
        socket.once('data', () =>
          socket.end('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\ns3cret'),
        ),
      ),
    );
    const garbage = await using(
      serveTcp((socket) => socket.once('data', () => socket.end('s3cret s3cret\r\n\r\n'))),
    );
    const { fetch } = fetcher();

    for (const [server, code, sent] of [
      [closed, 'ECONNREFUSED', false],
      [reset, 'ECONNRESET', true],
      [hangUp, 'UND_ERR_SOCKET', true],
      [cutLength, 'UND_ERR_(SOCKET|RES_CONTENT_LENGTH_MISMATCH)', true],
      [cutChunks, '(UND_ERR_SOCKET|HTTPParserError)', true],
      [garbage, 'HTTPParserError', true],
    ] as const) {
      const error = await failure(
        fetch(secretUrl(server.origin), {
          headers: { authorization: 's3cret' },
          method: 'POST',
          body: 's3cret',
        }),
      );
      expect(error).toMatchObject({ code: 'network_error', kind: 'transient', details: { sent } });
      expect(error.message).toContain(`POST ${server.origin}`);
      expect(error.details['networkCode']).toMatch(new RegExp(`^${code}$`));
      expect(`${error.stack}${JSON.stringify(error)}${String(error.cause)}`).not.toContain('s3cret');
    }
  });

  it('include a name that does not resolve', async () => {
    const resolve = () => Promise.reject(Object.assign(new Error('no'), { code: 'ENOTFOUND' }));
    const error = await failure(fetcher({}, { resolve }).fetch(secretUrl('https://nowhere.example')));
    expect(error).toMatchObject({
      code: 'network_error',
      details: { networkCode: 'ENOTFOUND', sent: false },
    });
    expect(error.message).toBe('GET https://nowhere.example: the host name is unknown (ENOTFOUND).');
  });

  it('include a resolver that never answers', async () => {
    const { fetch } = fetcher({}, { resolve: () => new Promise(() => undefined), connectTimeoutMs: 50 });
    const error = await failure(fetch(secretUrl('https://slow.example')));
    expect(error).toMatchObject({
      code: 'network_error',
      details: { networkCode: 'UND_ERR_CONNECT_TIMEOUT', sent: false },
    });
  });

  it('leave the pool usable', async () => {
    let calls = 0;
    const server = await using(
      serveHttp((request, response) => {
        calls += 1;
        if (calls === 1) request.socket.resetAndDestroy();
        else response.end('ok');
      }),
    );
    const { fetch } = fetcher();
    await failure(fetch(server.origin, { method: 'POST' }));
    expect((await fetch(server.origin, { method: 'POST' })).status).toBe(200);
  });
});

describe('TLS', () => {
  it('accepts a certificate of a trusted authority for the right name', async () => {
    const server = await using(serveHttps((_, response) => response.end('ok')));
    const { fetch } = fetcher({}, { ca: [certificate] });
    expect((await fetch(`https://localhost:${server.port}/`)).body.toString()).toBe('ok');
  });

  it.each([
    ['an untrusted authority', 'localhost', undefined, 'DEPTH_ZERO_SELF_SIGNED_CERT'],
    ['another name', '127.0.0.1', [certificate], 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ])('refuses a certificate of %s', async (_, host, ca, networkCode) => {
    const handler = vi.fn();
    const server = await using(serveHttps(handler));
    const { fetch } = fetcher({}, ca === undefined ? {} : { ca });
    const error = await failure(fetch(`https://${host}:${server.port}/?key=s3cret`));
    expect(error).toMatchObject({ code: 'tls_error', kind: 'config', details: { networkCode, sent: false } });
    expect(error.message).not.toContain('s3cret');
    expect(handler).not.toHaveBeenCalled();
  });

  it('says so when the port speaks no TLS', async () => {
    const server = await using(serveHttp((_, response) => response.end()));
    expect((await failure(fetcher().fetch(`https://localhost:${server.port}/`))).code).toBe('tls_error');
  });
});

describe('time', () => {
  it.each([
    ['a server that never answers', () => undefined],
    [
      'a server that trickles its headers',
      (socket: Socket) => {
        socket.write('HTTP/1.1 200 OK\r\n');
        const timer = setInterval(() => socket.write('x-a: b\r\n'), 10);
        socket.on('close', () => clearInterval(timer));
      },
    ],
    [
      'a server that trickles its body',
      (socket: Socket) => {
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n');
        const timer = setInterval(() => socket.write('x'), 10);
        socket.on('close', () => clearInterval(timer));
      },
    ],
  ])('ends the exchange with %s, and its socket', async (_, misbehave) => {
    const server = await using(serveTcp((socket) => socket.once('data', () => misbehave(socket))));
    const started = performance.now();
    const error = await failure(fetcher().fetch(server.origin, { timeoutMs: 150 }));
    expect(error).toMatchObject({
      code: 'request_timeout',
      kind: 'transient',
      details: { timeoutMs: 150, sent: true },
    });
    expect(performance.now() - started).toBeLessThan(3000);
    await vi.waitFor(() => expect(server.connections[0]?.destroyed).toBe(true));
  });

  it('counts the wait for a connection, and never sends a request that was given up', async () => {
    const urls: (string | undefined)[] = [];
    let release: (() => void) | undefined;
    const server = await using(
      serveHttp((request, response) => {
        urls.push(request.url);
        if (request.url === '/slow') release = () => response.end();
        else response.end();
      }),
    );
    const { fetch } = fetcher({}, { connectionsPerOrigin: 1 });
    const slow = fetch(`${server.origin}/slow`);
    await vi.waitFor(() => expect(release).toBeDefined());
    const late = await failure(fetch(`${server.origin}/late`, { timeoutMs: 50 }));
    expect(late).toMatchObject({ code: 'request_timeout', details: { sent: false } });
    const abort = new AbortController();
    const aborted = fetch(`${server.origin}/aborted`, { signal: abort.signal });
    abort.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    const next = fetch(`${server.origin}/next`);
    release?.();
    await Promise.all([slow, next]);
    expect(urls).toEqual(['/slow', '/next']);
  });

  it("ends with the reason of the caller's signal, before, during and between", async () => {
    const server = await using(
      serveTcp((socket) =>
        socket.on('data', (data) => {
          if (String(data).startsWith('GET /body'))
            socket.write('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx');
        }),
      ),
    );
    const { fetch } = fetcher();
    const reason = new Error('shutting down');
    await expect(fetch(server.origin, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(server.connections).toHaveLength(0);
    for (const path of ['/headers', '/body']) {
      const abort = new AbortController();
      const answer = fetch(server.origin + path, { signal: abort.signal });
      const before = server.connections.length;
      await vi.waitFor(() => expect(server.connections.length).toBe(before + 1));
      const socket = server.connections.at(-1);
      if (socket?.bytesRead === 0) await once(socket, 'data');
      abort.abort(reason);
      await expect(answer).rejects.toBe(reason);
      await vi.waitFor(() => expect(socket?.destroyed).toBe(true));
    }
  });
});

describe('close', () => {
  it('ends idle sockets, requests under way and connections still being made, at once', async () => {
    const idle = await using(serveHttp((_, response) => response.end()));
    const hanging = await using(serveTcp((socket) => socket.resume()));
    const made = createGuardedFetch({ allowLoopback: true, allowHosts: [] });
    await made.fetch(idle.origin);
    const answering = failure(made.fetch(hanging.origin));
    const shakingHands = failure(made.fetch(`https://localhost:${hanging.port}/`));
    await vi.waitFor(() => expect(hanging.connections).toHaveLength(2));

    await made.close();
    for (const error of await Promise.all([answering, shakingHands]))
      expect(error.code).toBe('network_error');
    const sockets = [...idle.connections, ...hanging.connections];
    await vi.waitFor(() => expect(sockets.every((socket) => socket.destroyed)).toBe(true));
    expect((await failure(made.fetch(idle.origin))).details['networkCode']).toBe('UND_ERR_DESTROYED');
    await made.close();
  });
});
