/** Listening: opens the port for an app, and closes it without cutting off who is being served. */
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { createAdaptorServer, type HttpBindings } from '@hono/node-server';
import { SluiceError } from '../errors.ts';

export interface ServerOptions {
  readonly app: { fetch(request: Request, env: HttpBindings): Response | Promise<Response> };
  readonly host: string;
  /** 0 takes any free port */
  readonly port: number;
  /** takes the next free port, up to 20 further on, where this one is taken [false] */
  readonly tryNextPorts?: boolean;
  /** milliseconds for the head of a request [10,000] */
  readonly headersTimeoutMs?: number;
  /** milliseconds for a whole request to arrive [30,000] */
  readonly requestTimeoutMs?: number;
  /** milliseconds that an idle connection is kept [65,000]: longer than the 60 s of common load balancers */
  readonly keepAliveTimeoutMs?: number;
}

export interface RunningServer {
  /** for people and links: names a loopback address where the server listens on all */
  readonly url: string;
  readonly port: number;
  /**
   * Stops accepting, lets requests in work finish for `graceMs` milliseconds [5000], then cuts the rest off.
   * Resolves when the port is free. May be called again.
   */
  close(graceMs?: number): Promise<void>;
}

const FURTHER_PORTS = 20;
const MAX_PORT = 65_535;

/** @throws SluiceError `port_in_use`, `listen_failed` (config) */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const last =
    options.tryNextPorts === true ? Math.min(options.port + FURTHER_PORTS, MAX_PORT) : options.port;
  for (let port = options.port; ; port += 1) {
    const server = createHttpServer(options);
    try {
      server.listen(port, options.host);
      // rejects on `error`
      await once(server, 'listening');
      return running(server, options.host);
    } catch (error) {
      if (codeOf(error) !== 'EADDRINUSE') throw listenFailed(options.host, port, error);
      // port 0 never ends up here
      if (port >= last) throw portInUse(options.host, options.port, last, error);
    }
  }
}

function createHttpServer(options: ServerOptions): Server {
  const headersTimeout = options.headersTimeoutMs ?? 10_000;
  return createAdaptorServer({
    fetch: (request, env) => options.app.fetch(request, env as HttpBindings),
    serverOptions: {
      headersTimeout,
      requestTimeout: options.requestTimeoutMs ?? 30_000,
      keepAliveTimeout: options.keepAliveTimeoutMs ?? 65_000,
      // Node looks for late requests only this often
      connectionsCheckingInterval: Math.min(headersTimeout, 5000),
    },
  }) as Server;
}

function running(server: Server, host: string): RunningServer {
  const { port } = server.address() as AddressInfo;
  const connections = trackConnections(server);
  let closed: Promise<void> | undefined;
  return {
    url: `http://${urlHost(host)}:${port}`,
    port,
    close(graceMs = 5000) {
      closed ??= closeServer(server, connections, graceMs);
      return closed;
    },
  };
}

interface Connections {
  /** Ends connections as soon as no request is in work on them, from now on. */
  endIdle(): void;
}

/**
 * Node's own `closeIdleConnections` leaves connections that never sent a request, which browsers open in
 * advance, and doesn't look again when one turns idle.
 */
function trackConnections(server: Server): Connections {
  const requestsInWork = new Map<Socket, number>();
  let ending = false;
  server.on('connection', (socket) => {
    requestsInWork.set(socket, 0);
    socket.once('close', () => requestsInWork.delete(socket));
  });
  server.on('request', ({ socket }, response) => {
    requestsInWork.set(socket, (requestsInWork.get(socket) ?? 0) + 1);
    response.once('close', () => {
      const left = (requestsInWork.get(socket) ?? 1) - 1;
      if (requestsInWork.has(socket)) requestsInWork.set(socket, left);
      if (ending && left === 0) socket.destroySoon();
    });
  });
  return {
    endIdle() {
      ending = true;
      for (const [socket, requests] of requestsInWork) if (requests === 0) socket.destroySoon();
    },
  };
}

async function closeServer(server: Server, connections: Connections, graceMs: number): Promise<void> {
  const cutOff = setTimeout(() => server.closeAllConnections(), graceMs);
  try {
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      connections.endIdle();
    });
  } finally {
    clearTimeout(cutOff);
  }
}

function urlHost(host: string): string {
  if (host === '0.0.0.0' || host === '') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}

function portInUse(host: string, first: number, last: number, cause: unknown): SluiceError {
  const ports = first === last ? `Port ${first}` : `Every port from ${first} to ${last}`;
  return new SluiceError('port_in_use', `${ports} on ${host} is taken.`, {
    cause,
    details: { host, port: first },
  });
}

function listenFailed(host: string, port: number, cause: unknown): SluiceError {
  const message = `Can't listen on ${host}, port ${port} (${codeOf(cause) ?? 'unknown error'}).`;
  return new SluiceError('listen_failed', message, { cause, details: { host, port } });
}

function codeOf(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}
