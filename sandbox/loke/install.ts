/** The page behind LOKE's install link, where a user adds the add-on to an organization of his. */

import type { AuthorizationServer } from '../authorization-server.ts';
import { errorPage, installPage, page } from '../consent-pages.ts';
import type { Account } from '../consent-pages.ts';
import { readForm } from '../form.ts';
import type { Answer, SandboxRequest } from '../http.ts';

export const INSTALL_PATH = '/install-client';

export interface InstallDesk {
  readonly tokens: AuthorizationServer;
  readonly accounts: readonly Account[];
  readonly organizationsOf: (accountId: string) => ReadonlySet<string>;
  readonly organizations: () => readonly { readonly id: string; readonly name: string }[];
  readonly install: (clientId: string, organizationId: string) => void;
}

/** `GET /install-client?client=ID` shows the form, `POST` installs. */
export async function answerInstall(
  desk: InstallDesk,
  { method, url, raw }: SandboxRequest,
): Promise<Answer> {
  const application = desk.tokens.applications.get(url.searchParams.get('client') ?? '');
  if (application === undefined)
    return errorPage(404, 'Unknown add-on', 'There is no client application of that id.');
  if (method === 'GET') {
    const action = `${url.pathname}${url.search}`;
    return installPage('LOKE', application.name, desk.accounts, desk.organizations(), action);
  }
  const form = method === 'POST' ? await readForm(raw.request) : undefined;
  const account = form?.get('account') ?? '';
  const organization = form?.get('organization') ?? '';
  if (!desk.organizationsOf(account).has(organization)) {
    return errorPage(403, 'Not yours', 'This account has no access to that organization.');
  }
  desk.install(application.clientId, organization);
  return page(200, 'Installed', '<p>The add-on is installed.</p>');
}
