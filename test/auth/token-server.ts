/** A token endpoint on loopback: strict by default, and whatever a test tells it to answer. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

interface TokenRequest {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly form: URLSearchParams;
  readonly body: string;
}

export interface TokenReply {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  /** text is sent as it is, anything else as JSON */
  readonly body: unknown;
}

type Answer = (request: TokenRequest, count: number) => TokenReply | Promise<TokenReply>;

export interface TokenServer {
  readonly origin: string;
  readonly url: string;
  readonly requests: TokenRequest[];
  /** every token that was issued by `grant` */
  readonly issued: string[];
  answer: Answer;
  /** a good answer with a token of its own */
  grant(extra?: Record<string, unknown>): TokenReply;
  close(): Promise<void>;
}

export async function startTokenServer(): Promise<TokenServer> {
  const requests: TokenRequest[] = [];
  const issued: string[] = [];
  const grant = (extra: Record<string, unknown> = {}): TokenReply => {
    const token = `tok-${issued.length + 1}-${randomBytes(12).toString('hex')}`;
    issued.push(token);
    return { body: { access_token: token, token_type: 'Bearer', expires_in: 3600, ...extra } };
  };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString('utf8');
      const received = {
        path: request.url ?? '',
        headers: request.headers,
        form: new URLSearchParams(body),
        body,
      };
      requests.push(received);
      void Promise.resolve(self.answer(received, requests.length)).then((reply) => {
        const isText = typeof reply.body === 'string';
        response.writeHead(reply.status ?? 200, {
          'content-type': isText ? 'text/html' : 'application/json',
          ...reply.headers,
        });
        response.end(isText ? reply.body : JSON.stringify(reply.body));
      });
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const self: TokenServer = {
    origin,
    url: `${origin}/token`,
    requests,
    issued,
    answer: () => grant(),
    grant,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return self;
}
