/** Servers on loopback for the tests of the guarded fetch: well-behaved, hostile, and with a certificate of their own. */
import { createServer as createHttp, type RequestListener } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { createServer as createTcp, type AddressInfo, type Server, type Socket } from 'node:net';

export interface TestServer {
  readonly port: number;
  /** `http://127.0.0.1:<port>`, or https */
  readonly origin: string;
  /** all connections ever accepted */
  readonly connections: Socket[];
  close(): Promise<void>;
}

async function listen(server: Server, scheme: string, connectionEvent = 'connection'): Promise<TestServer> {
  const connections: Socket[] = [];
  server.on(connectionEvent, (socket: Socket) => {
    connections.push(socket);
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    origin: `${scheme}://127.0.0.1:${port}`,
    connections,
    close() {
      for (const socket of connections) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

export function serveHttp(listener: RequestListener): Promise<TestServer> {
  return listen(createHttp(listener), 'http');
}

/** With `certificate`, which is valid for `localhost` and `api.example.test`, and not for 127.0.0.1. */
export function serveHttps(listener: RequestListener): Promise<TestServer> {
  return listen(createHttps({ key, cert: certificate }, listener), 'https');
}

/** Bytes as they come, for what no HTTP server would send. */
export function serveTcp(onConnection: (socket: Socket) => void): Promise<TestServer> {
  return listen(createTcp(onConnection), 'http');
}

// Self-signed, made for these tests alone and trusted by nothing; valid for a hundred years.
const key = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg/OGlDNDPk35JmpgA
rz2ua3hp9ApE/He5wzdYjW9fNsqhRANCAARbw1hl5KYkMHXIsKUMmPjcEPB8rJ6V
fmHjVGU3SEKUTxv0co6+h1ykwlgfhjY5OBxXm+Alw0zdBL2faQux8XaM
-----END PRIVATE KEY-----
`;

export const certificate = `-----BEGIN CERTIFICATE-----
MIIBqDCCAU2gAwIBAgIUAkHJliwbYZYX1qUe8ZZVfYgIOuowCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMTA4MTA1NloYDzIxMjYxMDI4
MDgxMDU2WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAARbw1hl5KYkMHXIsKUMmPjcEPB8rJ6VfmHjVGU3SEKUTxv0co6+h1yk
wlgfhjY5OBxXm+Alw0zdBL2faQux8XaMo3sweTAdBgNVHQ4EFgQUfXfUpRnMOT24
1fgVflHTF+JiZ8MwHwYDVR0jBBgwFoAUfXfUpRnMOT241fgVflHTF+JiZ8MwDwYD
VR0TAQH/BAUwAwEB/zAmBgNVHREEHzAdgglsb2NhbGhvc3SCEGFwaS5leGFtcGxl
LnRlc3QwCgYIKoZIzj0EAwIDSQAwRgIhAOyjcybBbPe3aRuWAVj0oWIg6QDQ7Rsh
o2Aqw/xEgvYXAiEAl4NNEwDGU+J9cowhijjKD8WeHampOhqR5ZWv9OoXU4Y=
-----END CERTIFICATE-----
`;
