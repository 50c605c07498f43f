/** The reading pages of a fleet's console, on a port of their own, for a client that is logged in. */
import { expect } from 'vitest';
import { consoleOf } from '../../src/commands/console.ts';
import type { ConsoleDeps } from '../../src/web/console/contract.ts';
import type { Fleet } from '../support/fleet.ts';
import { startSite, type Site } from './site.ts';

export interface ReadingSite {
  /** what the pages read */
  readonly pages: ConsoleDeps;
  /** not logged in */
  readonly stranger: Site['client'];
  /** The page at `path`; fails where it is answered with another status [200]. */
  read(path: string, status?: number): Promise<string>;
  /** Before that of the fleet. */
  close(): Promise<void>;
}

export async function startReadingSite(fleet: Fleet): Promise<ReadingSite> {
  const pages = consoleOf(fleet.runtime);
  const site = await startSite({ console: pages });
  site.clock.now = Date.now();
  const me = site.client();
  await me.login();
  return {
    pages,
    stranger: site.client,
    async read(path, status = 200) {
      const answer = await me.get(path);
      expect(answer.status, path).toBe(status);
      return answer.text();
    },
    async close() {
      pages.live.close();
      await site.close();
    },
  };
}
