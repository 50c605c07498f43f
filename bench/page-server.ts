/** Starts the provider of a bench as a process of its own. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { Data } from './page-process.ts';

export interface PageServer {
  readonly origin: string;
  set(data: Data): Promise<void>;
  close(): Promise<void>;
}

export async function startPageServer(): Promise<PageServer> {
  const child = fork(new URL('page-process.js', import.meta.url), {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const [{ port }] = (await once(child, 'message')) as [{ port: number }];
  return {
    origin: `http://127.0.0.1:${port}`,
    async set(data) {
      child.send(data);
      await once(child, 'message');
    },
    async close() {
      const ended = once(child, 'exit');
      child.disconnect();
      await ended;
    },
  };
}
