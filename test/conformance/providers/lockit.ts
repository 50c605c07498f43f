/** LockitNetwork's conformance: the projects of one person, who consents by a refresh token that is handed over. */
import { startLockit } from '../../../sandbox/lockit/server.ts';
import { lockit } from '../../../src/providers/lockit/index.ts';
import { clientOf, connect } from '../../sandbox/oauth-client.ts';
import type { Registration } from '../contract.ts';

export const registration: Registration = {
  provider: lockit,
  accounts: [
    {
      title: 'an account',
      async start() {
        const simulator = await startLockit({ records: 24 });
        const { authorization, token, api } = simulator.urls;
        return {
          simulator,
          connection: {
            settings: {},
            credentials: simulator.credentials,
            endpoints: { authorization, token, api },
          },
          async consent({ runtime }, id) {
            const granted = await connect(clientOf(simulator, 'basic', {}));
            await runtime.connector.importToken(id, granted.refresh_token as string, { otherAccount: false });
          },
          probe: { stream: 'projects', path: '/projects' },
          close: () => simulator.close(),
        };
      },
    },
  ],
};
