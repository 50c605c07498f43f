/** A receiver of webhooks as a stranger would write one. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Received {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
  readonly url: string;
}

export interface Receiver {
  readonly url: string;
  /** POSTs in the order of arrival */
  readonly received: Received[];
  /** how it answers a POST; may be replaced at any time */
  status: (place: number) => number;
  /** whether it answers challenges */
  echoes: boolean;
  close(): Promise<void>;
}

export async function startReceiver(): Promise<Receiver> {
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const url = new URL(request.url ?? '/', 'http://x');
      if (request.method === 'GET') {
        const echo = url.searchParams.get('echo');
        response.writeHead(receiver.echoes && echo !== null ? 200 : 404, { 'content-type': 'text/plain' });
        response.end(echo);
        return;
      }
      receiver.received.push({
        headers: request.headers,
        body: Buffer.concat(parts).toString('utf8'),
        url: request.url ?? '',
      });
      response.writeHead(receiver.status(receiver.received.length));
      response.end();
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const receiver: Receiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    received: [],
    status: () => 200,
    echoes: true,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return receiver;
}
