/** The provider of docs/adding-a-provider.md, which is in no registry: it passes what those pass that come with Sluice. */
import { startPayPal } from '../../../examples/paypal/simulator.ts';
import { paypal } from '../../../examples/paypal/provider.ts';
import type { Registration } from '../contract.ts';

export const registration: Registration = {
  provider: paypal,
  accounts: [
    {
      title: 'a merchant',
      async start() {
        const simulator = await startPayPal(12);
        const none = 'PayPal has no way to delete one';
        return {
          simulator,
          connection: {
            settings: { environment: 'sandbox' },
            credentials: simulator.credentials,
            endpoints: simulator.urls,
            limits: { pageSize: 5 },
          },
          keeps: { products: none, plans: none },
          probe: { stream: 'products', path: '/v1/catalogs/products' },
          close: () => simulator.close(),
        };
      },
    },
  ],
};
