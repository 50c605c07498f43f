/** The login and consent pages of simulated authorization servers: plain forms, for a browser and for `walkConsent`. */

import type { Answer } from './http.ts';

/** A person who can sign in at a simulated provider. */
export interface Account {
  readonly id: string;
  readonly name: string;
  readonly email: string;
}

function escape(text: string): string {
  return text.replaceAll(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);
}

export function page(status: number, title: string, content: string): Answer {
  const style = 'body{font:16px/1.5 system-ui,sans-serif;max-width:30em;margin:4em auto;padding:0 1em}';
  return {
    status,
    headers: { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' },
    body: `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${escape(title)}</title><style>${style}</style></head><body><h1>${escape(title)}</h1>${content}</body></html>`,
  };
}

/** An error that can't be told to the client application, since its address is not to be trusted. */
export function errorPage(status: number, error: string, description: string): Answer {
  return page(status, error, `<p>${escape(description)}</p>`);
}

/** The answer to "which of these is it?", as a drop-down list. */
function choice(
  name: string,
  label: string,
  options: readonly { readonly value: string; readonly text: string }[],
): string {
  const all = options.map(({ value, text }) => `<option value="${escape(value)}">${escape(text)}</option>`);
  return `<p><label>${escape(label)} <select name="${name}">${all.join('')}</select></label></p>`;
}

const accountChoice = (accounts: readonly Account[]): string =>
  choice(
    'account',
    'Sign in as',
    accounts.map(({ id, name, email }) => ({ value: id, text: `${name} (${email})` })),
  );

function form(action: string, content: string, buttons: readonly (readonly [string, string])[]): string {
  const all = buttons.map(
    ([value, text]) =>
      `<button type="submit" name="decision" value="${escape(value)}">${escape(text)}</button>`,
  );
  return `<form method="post" action="${escape(action)}">${content}<p>${all.join(' ')}</p></form>`;
}

export function loginPage(provider: string, accounts: readonly Account[], action: string): Answer {
  const content = accountChoice(accounts);
  return page(
    200,
    `Sign in to ${provider}`,
    form(action, content, [
      ['continue', 'Continue'],
      ['deny', 'Cancel'],
    ]),
  );
}

export function consentPage(
  provider: string,
  asked: { readonly client: string; readonly account: string; readonly scopes: readonly string[] },
  action: string,
): Answer {
  const scopes = asked.scopes.map((scope) => `<li>${escape(scope)}</li>`).join('');
  const content = `<p>${escape(asked.client)} wants to use ${escape(provider)} on behalf of ${escape(asked.account)}.</p><ul>${scopes}</ul>`;
  return page(
    200,
    `Allow ${asked.client}?`,
    form(action, content, [
      ['allow', 'Allow'],
      ['deny', 'Deny'],
    ]),
  );
}

/** A page on which an account adds an application to one of its organizations. */
export function installPage(
  provider: string,
  client: string,
  accounts: readonly Account[],
  organizations: readonly { readonly id: string; readonly name: string }[],
  action: string,
): Answer {
  const content =
    accountChoice(accounts) +
    choice(
      'organization',
      'Organization',
      organizations.map(({ id, name }) => ({ value: id, text: name })),
    );
  return page(200, `Install ${client} in ${provider}`, form(action, content, [['install', 'Install']]));
}
