/**
 * What keeps the fleet busy. A further source of load is one more object of this shape in `createLoads`, and its promises
 * are one more check.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Load } from './contract.ts';
import { EDITED, type SimulatedAccount } from './fleet.ts';
import { webhooks } from './webhooks.ts';

export function createLoads(): readonly Load[] {
  return [edits(), requestsForRuns(), visitors(), webhooks()];
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}

/** Creates, updates and deletes at the sources, about 50 records a second. */
function edits(): Load {
  let edited = 0;
  return {
    name: 'edits',
    counts: () => ({ edits: edited }),
    async run(fleet, random, signal) {
      const providers = Object.keys(EDITED) as SimulatedAccount['id'][];
      while (!signal.aborted) {
        for (const provider of providers) {
          const resource = random.pick(EDITED[provider]);
          // as many come as go, so that the sources keep their size
          const change = { creates: 1, updates: 3, deletes: 1 };
          await fleet.control(provider, 'edit', { resource, ...change });
          edited += change.creates + change.updates + change.deletes;
        }
        await pause(200, signal);
      }
    },
  };
}

/** Asks for a run of each connection that has none; besides, each has a schedule. */
function requestsForRuns(): Load {
  let asked = 0;
  let refused = 0;
  return {
    name: 'requests for runs',
    counts: () => ({ asked, askedInVain: refused }),
    async run(fleet, _random, signal) {
      while (!signal.aborted) {
        try {
          const idle = await fleet.runtime.db.pool.query<{ id: string }>(
            `select id from sluice.connections c
              where not exists (select 1 from sluice.runs r where r.connection_id = c.id and r.slot is not null)`,
          );
          for (const { id } of idle.rows) {
            if (signal.aborted) return;
            await fleet.runtime.jobs.askForRun({ connectionId: id, trigger: 'command', priority: 1 });
            asked += 1;
          }
        } catch {
          // a server is being restarted: who asks then is told so
          refused += 1;
        }
        await pause(300, signal);
      }
    },
  };
}

/** Asks the web process for its health and metrics. */
function visitors(): Load {
  let answered = 0;
  return {
    name: 'visitors',
    counts: () => ({ pagesAnswered: answered }),
    async run(fleet, random, signal) {
      while (!signal.aborted) {
        const path = random.pick(['/livez', '/readyz', '/metrics']);
        await fetch(`${fleet.web.current.url}${path}`, { signal: AbortSignal.timeout(10_000) })
          .then((answer) => answer.text())
          .then(() => (answered += 1))
          // killed a moment ago
          .catch(() => undefined);
        await pause(250, signal);
      }
    },
  };
}
