/** Floriday's conformance: the suppliers API and the customers API, each with all of its feeds. */
import { startFloriday } from '../../../sandbox/floriday/server.ts';
import { floriday } from '../../../src/providers/floriday/index.ts';
import type { StreamDefinition } from '../../../src/providers/contract.ts';
import type { AccountRegistration, Registration } from '../contract.ts';

type Api = 'suppliers' | 'customers';

const unmarked = 'its records have no mark of being deleted';

function account(api: Api): AccountRegistration {
  return {
    title: `the ${api} API`,
    async start() {
      const simulator = await startFloriday({ api, records: 12, limits: { mode: 'off' } });
      simulator.webhooks.deliveries.settings.timeScale = 0.01;
      const streams = floriday.streamsFor?.({ api }) ?? [];
      return {
        simulator,
        connection: {
          settings: simulator.settings,
          credentials: simulator.credentials,
          endpoints: { issuer: simulator.urls.issuer, api: simulator.urls.api },
          limits: { pageSize: 20 },
        },
        resourceOf: ({ path }) => path.replace('/sync', '').replace('/{sequence}', '').slice(1),
        keeps: Object.fromEntries(
          streams.filter(({ tombstones }) => tombstones === undefined).map(({ name }) => [name, unmarked]),
        ),
        // with a partner its records vanish from the source, and no feed says so: the mirror keeps them
        apart: ['connections'],
        // the source lists what the API gives to those who switch no filter off; the stream asks for more
        showsMore: ({ query }: StreamDefinition) => query?.postFilterSelectedTradeItems !== undefined,
        probe: { stream: 'warehouses', path: '*/warehouses/sync/*' },
        answers: [
          {
            title: '423, a feed that is being rebuilt',
            fault: { kind: 'status', status: 423 },
            waits: ['provider_not_ready'],
            code: null,
          },
          {
            title: '504, an answer that took more than 30 s',
            fault: { kind: 'status', status: 504 },
            waits: [],
            code: null,
          },
        ],
        webhookStreams: ['batches', 'sales-orders', 'delivery-orders', 'fulfillment-orders'],
        close: () => simulator.close(),
      };
    },
  };
}

export const registration: Registration = {
  provider: floriday,
  accounts: [account('suppliers'), account('customers')],
};
