/** The pages at the end of a consent. A person reads them who may never have heard of Sluice. */
import type { Child } from 'hono/jsx';
import type { HtmlEscapedString } from 'hono/utils/html';
import type { Connected, NotConnected } from '../auth/authorization/contract.ts';
import type { SluiceError } from '../errors.ts';
import { renderPage } from './layout.tsx';
import { mappingsPath } from './mappings-page.tsx';
import { OwnOrganizations } from './setup-list.tsx';

type Page = HtmlEscapedString | Promise<HtmlEscapedString>;

export function connectedPage(
  connected: Connected,
  { nonce, mappingsLink }: { readonly nonce: string | undefined; readonly mappingsLink: boolean },
): Page {
  const { provider, connectionId, account, reconnected, kept, setup } = connected;
  return page(
    reconnected ? 'Connected again' : 'Connected',
    nonce,
    <>
      <p>
        <code>{connectionId}</code> now has access to {provider}
        {account !== null && (
          <>
            {' '}
            as <strong>{account}</strong>
          </>
        )}
        .
      </p>
      {reconnected && <p>Everything that was synced before is still there, and goes on from where it was.</p>}
      {!kept && <p>The access was used for this setup alone; nothing of it is kept.</p>}
      <p class="muted">You can close this window.</p>
    </>,
    'fine',
    <>
      {setup !== null && <OwnOrganizations setup={setup} provider={provider} />}
      {mappingsLink && (
        <p class="after">
          For an operator: <a href={mappingsPath(connectionId)}>your own ids for what {provider} has</a>
        </p>
      )}
    </>,
  );
}

const HEADINGS: Readonly<Record<string, string>> = {
  connect_denied: 'Access was not given',
  connect_other_account: 'This is another account',
  authorization_unavailable: 'The provider is not available',
  token_endpoint_unavailable: 'The provider is not available',
  token_endpoint_rate_limited: 'The provider is busy',
  connect_no_refresh_token: 'The access would not last',
  connect_link_expired: 'This link is no longer valid',
  connect_expired: 'This took too long',
  connect_state_invalid: 'This page can’t be used',
};

export function notConnectedPage(ended: NotConnected, nonce: string | undefined): Page {
  const { error, connectionId, again, otherAccount } = ended;
  return page(
    HEADINGS[error.code] ?? 'Not connected',
    nonce,
    <>
      <Failure error={error} />
      <p>
        Nothing has changed: <code>{connectionId}</code> is as it was before.
      </p>
      <p>
        <a href={again}>Try again{otherAccount !== null && ' with the right account'}</a>
      </p>
      {otherAccount !== null && (
        <p>
          <a href={otherAccount}>Use the other account from now on</a>
          <span class="small">
            What was synced stays until a complete pass has read the other account; many deletes at once wait
            for an operator.
          </span>
        </p>
      )}
    </>,
  );
}

/** A callback or link that belongs to nobody: no connection is named. */
export function failurePage(error: SluiceError, nonce: string | undefined): Page {
  return page(HEADINGS[error.code] ?? 'Not connected', nonce, <Failure error={error} />);
}

function Failure({ error }: { error: SluiceError }) {
  return (
    <>
      <p role="alert">{error.message}</p>
      <p>
        <strong>What to do:</strong> {error.advice}
      </p>
      <p class="muted">
        Code <code>{error.code}</code>
      </p>
    </>
  );
}

function page(title: string, nonce: string | undefined, body: Child, look = '', after?: Child): Page {
  return renderPage(
    { title, nonce },
    <main class="narrow">
      <h1>{title}</h1>
      <div class={`panel ${look}`.trim()}>{body}</div>
      {after}
    </main>,
  );
}
