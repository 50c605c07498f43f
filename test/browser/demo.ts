/**
 * The demo as a new user starts it: the built command, in a folder of its own, with its first pass and webhooks done. One
 * for the whole run of the browser tests (`global-setup.ts`), and a remote control of its simulated providers.
 */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';
import { startSluice } from '../support/process.ts';

/** What the demo printed. */
export interface DemoAddress {
  readonly url: string;
  readonly password: string;
  /** where its simulated providers are steered */
  readonly control: string;
}

declare module 'vitest' {
  interface ProvidedContext {
    demo: DemoAddress;
  }
}

export interface RunningDemo extends DemoAddress {
  close(): Promise<void>;
}

export async function startDemo(): Promise<RunningDemo> {
  const cwd = mkdtempSync(join(tmpdir(), 'sluice-browser-'));
  // for root: the server's own account must reach its data
  chmodSync(cwd, 0o755);
  const demo = startSluice(['demo', '--control-port', '0'], { cwd });
  const close = async (signal: NodeJS.Signals): Promise<void> => {
    await demo.end(signal, { group: true });
    rmSync(cwd, { recursive: true, force: true });
  };
  try {
    await demo.said('Ctrl-C', 90_000);
    const text = demo.stdout() + demo.stderr();
    const printed = (name: string): string => {
      const value = new RegExp(`^ +${name} +(\\S+)$`, 'm').exec(text)?.[1];
      if (value === undefined) throw new Error(`no ${name} in:\n${text}`);
      return value;
    };
    return {
      url: printed('console'),
      password: printed('password'),
      control: printed('control'),
      close: () => close('SIGINT'),
    };
  } catch (error) {
    await close('SIGKILL');
    throw error;
  }
}

/** A simulated provider as the control server describes it. */
export interface Simulated {
  readonly id: string;
  readonly urls: Readonly<Record<string, string>>;
  readonly settings: Readonly<Record<string, string>>;
  readonly credentials: Readonly<Record<string, string>>;
}

export async function simulated(id: string): Promise<Simulated> {
  const answer = await fetch(`${inject('demo').control}/_sandbox`);
  const { providers } = (await answer.json()) as { providers: Simulated[] };
  const found = providers.find((provider) => provider.id === id);
  if (found === undefined) throw new Error(`the demo simulates no ${id}`);
  return found;
}

/** A command of docs/sandbox.md. */
export async function steer(provider: string, command: string, body: object = {}): Promise<unknown> {
  const answer = await fetch(`${inject('demo').control}/_sandbox/${provider}/${command}`, {
    method: 'POST',
    body: JSON.stringify(body),
  });
  const said: unknown = await answer.json();
  if (!answer.ok) throw new Error(`${provider} ${command}: ${JSON.stringify(said)}`);
  return said;
}
