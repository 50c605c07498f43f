/** Lucca's conformance: one account, a token for each run, signed webhooks with the record. */
import { startLucca } from '../../../sandbox/lucca/server.ts';
import { lucca } from '../../../src/providers/lucca/index.ts';
import type { Registration } from '../contract.ts';

export const registration: Registration = {
  provider: lucca,
  accounts: [
    {
      title: 'an account',
      async start() {
        const simulator = await startLucca({ records: 12, limits: { requests: 1_000_000 } });
        // on a busy machine an acknowledgement may come too late: its repetition is not a minute away
        simulator.webhooks.deliveries.settings.timeScale = 0.01;
        return {
          simulator,
          connection: {
            settings: simulator.settings,
            credentials: simulator.credentials,
            endpoints: simulator.urls,
            limits: { pageSize: 5 },
          },
          probe: { stream: 'departments', path: '*/departments' },
          answers: [
            {
              title: '408, more than five seconds of work (developers.luccasoftware.com, limits)',
              fault: { kind: 'status', status: 408 },
              waits: [],
              code: null,
            },
            {
              title: '431, headers that are too long',
              fault: { kind: 'status', status: 431 },
              waits: [],
              code: 'provider_refused',
            },
          ],
          webhookStreams: lucca.streams.map(({ name }) => name),
          close: () => simulator.close(),
        };
      },
    },
  ],
};
