/** Stands before the intake, passes everything on, and keeps what a provider sent, so that a test can send it again. */
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Recorded {
  readonly method: string;
  /** path and query */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** that the intake answered with */
  readonly status: number;
}

export interface Recorder {
  readonly origin: string;
  /** in order of arrival, once answered */
  readonly messages: Recorded[];
  /** Sends a message to the intake without keeping it. */
  send(message: Pick<Recorded, 'method' | 'url' | 'headers' | 'body'>): Promise<Response>;
  close(): Promise<void>;
}

/** @param target origin of the web process */
export async function startRecorder(target: string): Promise<Recorder> {
  const messages: Recorded[] = [];
  const send: Recorder['send'] = ({ method, url, headers, body }) =>
    fetch(new URL(url, target), {
      method,
      headers,
      ...(method === 'GET' ? {} : { body: new Uint8Array(body) }),
    });
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = 'GET', url = '/' } = request;
      const message = { method, url, headers: passedOn(request.headers), body: Buffer.concat(chunks) };
      send(message).then(
        async (answer) => {
          const text = Buffer.from(await answer.arrayBuffer());
          messages.push({ ...message, status: answer.status });
          response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' });
          response.end(text);
        },
        () => response.destroy(),
      );
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    messages,
    send,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Without those that belong to one connection between two machines. */
function passedOn(headers: IncomingHttpHeaders): Record<string, string> {
  const own = new Set(['host', 'connection', 'content-length', 'transfer-encoding', 'keep-alive', 'expect']);
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      own.has(name) || typeof value !== 'string' ? [] : [[name, value]],
    ),
  );
}
