/** The demo in a folder of its own, with its first pass done: what the pages show is what a new user sees. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startSluice, type SluiceProcess } from '../support/process.ts';

export interface RunningDemo {
  readonly url: string;
  readonly password: string;
  readonly cwd: string;
  readonly process: SluiceProcess;
  close(): Promise<void>;
}

export async function startDemo(): Promise<RunningDemo> {
  const cwd = mkdtempSync(join(tmpdir(), 'sluice-browser-'));
  // for root: the server's own account must reach its data
  chmodSync(cwd, 0o755);
  const demo = startSluice(['demo'], { cwd });
  try {
    await demo.said('Ctrl-C', 60_000);
    const text = demo.stdout() + demo.stderr();
    const url = /http:\/\/127\.0\.0\.1:\d+/.exec(text)?.[0];
    const password = /password:? +(\S+)/i.exec(text)?.[1];
    if (url === undefined || password === undefined) throw new Error(`no URL or password in:\n${text}`);
    return {
      url,
      password,
      cwd,
      process: demo,
      async close() {
        await demo.end('SIGINT', { group: true });
        rmSync(cwd, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await demo.end('SIGKILL', { group: true });
    throw error;
  }
}
