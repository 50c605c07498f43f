/** The login and consent steps of the authorization servers that oidc-provider plays. */

import type { Provider } from 'oidc-provider';

import { consentPage, errorPage, loginPage } from './consent-pages.ts';
import type { Account } from './consent-pages.ts';
import { readForm, redirect, textOf } from './form.ts';
import type { Answer, SandboxRequest } from './http.ts';

/** Where the steps stand; the id of the authorization request follows, and `?unknown=` with a scope that doesn't exist. */
export const INTERACTION = '/interaction/';

export interface ConsentDesk {
  readonly server: Provider;
  /** its name on the pages */
  readonly provider: string;
  readonly accounts: readonly Account[];
  readonly onDenial: () => void;
}

/** Serves the login and the consent page, and takes what they post. */
export async function interact(desk: ConsentDesk, { raw, method, url }: SandboxRequest): Promise<Answer> {
  const { server, accounts } = desk;
  const { request, response } = raw;
  const details = await server.interactionDetails(request, response).catch(() => undefined);
  if (details === undefined || url.pathname !== `${INTERACTION}${details.uid}`) {
    return errorPage(
      400,
      'Nothing to decide',
      'This page belongs to no authorization request, or its time is over.',
    );
  }
  const finish = async (result: Parameters<Provider['interactionResult']>[2]): Promise<Answer> =>
    redirect(await server.interactionResult(request, response, result));
  const scopes = textOf(details.params['scope'])
    .split(' ')
    .filter((scope) => scope !== '');
  const unknown = url.searchParams.get('unknown');
  if (unknown !== null) {
    return finish({ error: 'invalid_scope', error_description: `there is no scope ${unknown}` });
  }
  const isLogin = details.prompt.name === 'login';
  if (method === 'GET') {
    if (isLogin) return loginPage(desk.provider, accounts, url.pathname);
    const client = await server.Client.find(String(details.params['client_id']));
    const account = accounts.find(({ id }) => id === details.session?.accountId);
    const asked = { client: client?.clientName ?? '', account: account?.name ?? '', scopes };
    return consentPage(desk.provider, asked, url.pathname);
  }
  const form = method === 'POST' ? await readForm(request) : undefined;
  const decision = form?.get('decision');
  if (decision === 'deny') {
    desk.onDenial();
    return finish({ error: 'access_denied', error_description: 'the user said no' });
  }
  if (isLogin && decision === 'continue') {
    const account = accounts.find(({ id }) => id === form?.get('account'));
    if (account === undefined) return errorPage(400, 'Unknown account', 'Nobody can sign in by that name.');
    return finish({ login: { accountId: account.id } });
  }
  if (!isLogin && decision === 'allow') {
    const grant = new server.Grant({
      accountId: String(details.session?.accountId),
      clientId: String(details.params['client_id']),
    });
    grant.addOIDCScope(scopes.join(' '));
    return finish({ consent: { grantId: await grant.save() } });
  }
  return errorPage(400, 'Not understood', 'The form was not filled in as its page asked.');
}
