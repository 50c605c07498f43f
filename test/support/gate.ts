/** A TCP gate in front of a database that a test shuts: connections are cut, and new ones refused, until it opens. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface Gate {
  /** the same database through the gate */
  readonly url: string;
  shut(): void;
  open(): void;
  /** Resolves when somebody has tried to come in while it was shut. */
  knocked(): Promise<void>;
  close(): Promise<void>;
}

export async function openGate(databaseUrl: string): Promise<Gate> {
  const target = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  let isOpen = true;
  let knock: () => void = () => undefined;
  const knocking = new Promise<void>((resolve) => (knock = resolve));
  const server = createServer((inside) => {
    inside.on('error', () => undefined);
    if (!isOpen) {
      knock();
      inside.destroy();
      return;
    }
    const outside = connect(Number(target.port), target.hostname);
    outside.on('error', () => inside.destroy());
    for (const socket of [inside, outside]) {
      sockets.add(socket);
      socket.on('close', () => {
        sockets.delete(socket);
        inside.destroy();
        outside.destroy();
      });
    }
    inside.pipe(outside).pipe(inside);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = new URL(databaseUrl);
  url.hostname = '127.0.0.1';
  url.port = String((server.address() as AddressInfo).port);
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: url.href,
    shut() {
      isOpen = false;
      cut();
    },
    open: () => void (isOpen = true),
    knocked: () => knocking,
    async close() {
      cut();
      server.close();
      await once(server, 'close');
    },
  };
}
