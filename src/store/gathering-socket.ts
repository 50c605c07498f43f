/** A socket that hands the kernel at once what is written to it in one turn of the event loop. */
import { Socket } from 'node:net';

/**
 * `pg` writes each statement by itself: five that are sent together wake Postgres five times. Held back until the
 * microtasks under way are done, they are one packet.
 */
export function gatheringSocket(): Socket {
  const socket = new Socket();
  const write = socket.write.bind(socket) as (...args: readonly unknown[]) => boolean;
  let held = false;
  const release = (): void => {
    held = false;
    socket.uncork();
  };
  const gather = (...args: readonly unknown[]): boolean => {
    if (!held) {
      held = true;
      socket.cork();
      process.nextTick(release);
    }
    return write(...args);
  };
  // Not before: `connect` puts a socket's own `write` back.
  socket.once('connect', () => Object.assign(socket, { write: gather }));
  return socket;
}
