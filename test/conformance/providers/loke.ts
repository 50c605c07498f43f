/** LOKE's conformance: the organizations of one add-on; customers and payments are read newest first. */
import { startLoke } from '../../../sandbox/loke/server.ts';
import { loke } from '../../../src/providers/loke/index.ts';
import type { Registration } from '../contract.ts';

export const registration: Registration = {
  provider: loke,
  accounts: [
    {
      title: 'an add-on',
      async start() {
        const simulator = await startLoke({ records: 20 });
        Object.assign(simulator.behaviour, { pageSize: 4 });
        return {
          simulator,
          connection: {
            settings: {},
            credentials: simulator.credentials,
            endpoints: { issuer: simulator.urls.issuer, api: simulator.urls.api },
          },
          probe: { stream: 'organizations', path: '/organizations' },
          webhookStreams: ['customers', 'payments'],
          close: () => simulator.close(),
        };
      },
    },
  ],
};
