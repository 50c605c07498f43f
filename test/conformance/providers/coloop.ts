/** CoLoop's conformance: the organizations of one person; errors that say themselves whether to try again. */
import { startCoLoop } from '../../../sandbox/coloop/server.ts';
import { coloop } from '../../../src/providers/coloop/index.ts';
import { clientOf, connect } from '../../sandbox/oauth-client.ts';
import type { DeclaredAnswer, Registration } from '../contract.ts';

function called(status: number, retriable: boolean): DeclaredAnswer['fault'] {
  const body = { errorCode: 'X', statusCode: status, retriable, message: 'of a test' };
  return { kind: 'status', status, body };
}

export const registration: Registration = {
  provider: coloop,
  accounts: [
    {
      title: 'an account',
      async start() {
        const simulator = await startCoLoop({ records: 6 });
        const { issuer, authorization, token, userinfo, api } = simulator.urls;
        return {
          simulator,
          connection: {
            settings: {},
            credentials: simulator.credentials,
            endpoints: { issuer, authorization, token, userinfo, api },
          },
          async consent({ runtime }, id) {
            const asks = { scope: 'email profile offline_access' };
            const granted = await connect(clientOf(simulator, 'post', asks));
            await runtime.connector.importToken(id, granted.refresh_token as string, { otherAccount: false });
          },
          probe: { stream: 'organizations', path: '*/organizations/' },
          answers: [
            { title: '400 that is called retriable', fault: called(400, true), waits: [], code: null },
            {
              title: '500 that is called final',
              fault: called(500, false),
              waits: [],
              code: 'provider_refused',
            },
          ],
          close: () => simulator.close(),
        };
      },
    },
  ],
};
