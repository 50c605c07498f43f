/** What is written to a connection in one turn leaves in one packet. */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { gatheringSocket } from '../../src/store/gathering-socket.ts';

const server = createServer((connection) => connection.resume());
const sockets: Socket[] = [];

beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterAll(() => {
  for (const socket of sockets) socket.destroy();
  server.close();
});

/** Connected, with the other end. */
async function connected(): Promise<{ readonly socket: Socket; readonly peer: Socket }> {
  const arrived = once(server, 'connection') as Promise<[Socket]>;
  const socket = gatheringSocket();
  sockets.push(socket);
  socket.connect((server.address() as AddressInfo).port, '127.0.0.1');
  await once(socket, 'connect');
  return { socket, peer: (await arrived)[0] };
}

test('writes of one turn and of its microtasks wait for each other, and no longer', async () => {
  const { socket, peer } = await connected();
  const received = once(peer, 'data');
  const later = (async () => {
    await Promise.resolve();
    socket.write('b');
    await Promise.resolve();
    socket.write('c');
  })();
  socket.write('a');
  await later;
  expect(socket.writableLength).toBe(3);
  expect(String((await received)[0])).toBe('abc');
  expect(socket.writableLength).toBe(0);
});

test('what was written before the end still arrives', async () => {
  const { socket, peer } = await connected();
  const received: Buffer[] = [];
  peer.on('data', (chunk) => received.push(chunk));
  socket.write('last ');
  socket.end('words');
  await once(peer, 'end');
  expect(Buffer.concat(received).toString()).toBe('last words');
});
