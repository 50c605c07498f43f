import type { ServerResponse } from 'node:http';
import { Readable, pipeline } from 'node:stream';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createGuardedFetch, type GuardedFetcher } from '../../src/net/fetch.ts';
import { serveHttp, serveTcp, type TestServer } from './servers.ts';

let net: GuardedFetcher;
let server: TestServer;
beforeEach(() => {
  net = createGuardedFetch({ allowLoopback: true, allowHosts: [] });
});
afterEach(async () => {
  await net.close();
  await server.close();
});

const KIB = 1024;
const MIB = 1024 * KIB;

/** Writes the same chunk as often as told, at the reader's pace; gives up when the reader has gone. */
function pour(response: ServerResponse, chunk: Buffer, times: number): void {
  const chunks = function* () {
    for (let sent = 0; sent < times; sent += 1) yield chunk;
  };
  pipeline(Readable.from(chunks()), response, () => undefined);
}

function sentBytes(): number {
  return server.connections.reduce((sum, socket) => sum + socket.bytesWritten, 0);
}

describe('the size of an answer', () => {
  it('may be exactly the cap, encoded or not', async () => {
    const body = Buffer.alloc(100 * KIB, 'abc');
    server = await serveHttp((request, response) => {
      if (request.url === '/plain') response.end(body);
      else if (request.url === '/chunked') pour(response, body.subarray(0, KIB), 100);
      else response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(body, { level: 0 }));
    });
    for (const path of ['/plain', '/chunked', '/gzip']) {
      const answer = await net.fetch(server.origin + path, { maxBytes: body.length });
      expect(answer.body).toHaveLength(body.length);
      await expect(net.fetch(server.origin + path, { maxBytes: body.length - 1 })).rejects.toMatchObject({
        code: 'response_too_large',
        kind: 'data',
        details: { maxBytes: body.length - 1 },
      });
    }
  });

  it('is refused by the declared length, before the body is sent', async () => {
    server = await serveHttp((_, response) => {
      response.writeHead(200, { 'content-length': 1e12 }).flushHeaders();
    });
    await expect(net.fetch(server.origin, { timeoutMs: 5000 })).rejects.toMatchObject({
      code: 'response_too_large',
    });
  });

  it('stops an endless body at the cap', async () => {
    server = await serveHttp((_, response) => pour(response, Buffer.alloc(64 * KIB), Infinity));
    const error = net.fetch(server.origin, { maxBytes: MIB });
    await expect(error).rejects.toMatchObject({ code: 'response_too_large' });
    // what stands in the sockets' buffers comes on top
    expect(sentBytes()).toBeLessThan(16 * MIB);
  });

  it('stops a gzip bomb of 10 GB in bounded memory', async () => {
    const member = gzipSync(Buffer.alloc(64 * MIB), { level: 9 });
    server = await serveHttp((_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' });
      pour(response, member, 160);
    });
    const before = process.resourceUsage().maxRSS;
    await expect(net.fetch(server.origin, { maxBytes: 8 * MIB })).rejects.toMatchObject({
      code: 'response_too_large',
    });
    expect(process.resourceUsage().maxRSS - before).toBeLessThan(64 * KIB);
  });

  it('stops a bomb inside a bomb', async () => {
    const inner = gzipSync(Buffer.alloc(32 * MIB));
    server = await serveHttp((_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip, gzip' }).end(gzipSync(inner));
    });
    await expect(net.fetch(server.origin, { maxBytes: MIB })).rejects.toMatchObject({
      code: 'response_too_large',
    });
  });

  it('stops endless compressed data that decodes to nothing', async () => {
    const nothing = Buffer.concat(Array.from({ length: 500 }, () => gzipSync(Buffer.alloc(0))));
    server = await serveHttp((_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' });
      pour(response, nothing, Infinity);
    });
    await expect(net.fetch(server.origin, { maxBytes: 64 * KIB })).rejects.toMatchObject({
      code: 'response_too_large',
    });
  });

  it('keeps a body of single bytes as one buffer', async () => {
    const chunks = '1\r\nx\r\n'.repeat(100_000);
    server = await serveTcp((socket) =>
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n');
        socket.write(`${chunks}0\r\n\r\n`);
      }),
    );
    const { body } = await net.fetch(server.origin);
    expect(body).toHaveLength(100_000);
    expect(body.buffer.byteLength).toBeLessThan(256 * KIB);
  });

  it('includes the headers', async () => {
    server = await serveTcp((socket) =>
      socket.once('data', () =>
        socket.write(`HTTP/1.1 200 OK\r\n${'x-filler: aaaaaaaaaaaaaaaa\r\n'.repeat(5000)}`),
      ),
    );
    await expect(net.fetch(server.origin)).rejects.toMatchObject({ code: 'response_too_large' });
  });
});

describe('content encodings', () => {
  const text = 'Grüße, '.repeat(50_000);

  it.each([
    ['gzip', gzipSync(text)],
    ['x-gzip', gzipSync(text)],
    ['GZIP', gzipSync(text)],
    ['deflate', deflateSync(text)],
    ['br', brotliCompressSync(text)],
    ['identity', Buffer.from(text)],
    ['gzip, br', brotliCompressSync(gzipSync(text))],
  ])('%s is undone', async (encoding, body) => {
    server = await serveHttp((_, response) =>
      response.writeHead(200, { 'content-encoding': encoding }).end(body),
    );
    const answer = await net.fetch(server.origin);
    expect(answer.body.toString()).toBe(text);
  });

  it('an empty body needs no decoding', async () => {
    server = await serveHttp((_, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end());
    await expect(net.fetch(server.origin)).resolves.toMatchObject({ status: 200, body: Buffer.alloc(0) });
  });

  it.each([
    ['an unknown encoding', 'compress', Buffer.from('x')],
    ['three encodings', 'gzip, gzip, gzip', gzipSync(gzipSync(gzipSync('x')))],
    ['damaged data', 'gzip', Buffer.from('s3cret, not gzip at all')],
  ])('%s is unreadable', async (_, encoding, body) => {
    server = await serveHttp((_request, response) =>
      response.writeHead(200, { 'content-encoding': encoding }).end(body),
    );
    const error = net.fetch(server.origin);
    await expect(error).rejects.toMatchObject({ code: 'response_unreadable', kind: 'data' });
    await expect(error).rejects.not.toThrow('s3cret');
  });

  it('a compressed body that is cut short counts as a failure of the network', async () => {
    const whole = gzipSync(text);
    server = await serveTcp((socket) =>
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\nconnection: close\r\n\r\n');
        socket.end(whole.subarray(0, whole.length / 2));
      }),
    );
    await expect(net.fetch(server.origin)).rejects.toMatchObject({
      code: 'network_error',
      kind: 'transient',
    });
  });
});
