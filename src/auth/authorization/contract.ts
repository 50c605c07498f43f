/** What pages and commands know of consents: make a link, open it, finish it, bring a token along. */
import type { SluiceError } from '../../errors.ts';
import type { StoredSetup } from '../../store/setups.ts';
import type { AccessToken } from '../contract.ts';

export interface ConnectLink {
  readonly url: string;
  readonly expiresAt: Date;
  /** for `outcome`; tells nothing to whoever reads it */
  readonly id: string;
}

export interface BeginRequest {
  readonly connectionId: string;
  /** the secret of a link; undefined: an operator who is logged in */
  readonly ticket: string | undefined;
  /** the random value of this browser's cookie */
  readonly browser: string;
  /** of an operator's own request; a link carries its own */
  readonly returnUrl: string | undefined;
  /** origin at which this process is reached: the callback's */
  readonly publicUrl: string;
}

export interface FinishRequest {
  /** of the callback, as it came */
  readonly query: string;
  readonly browser: string | undefined;
  readonly publicUrl: string;
}

interface Ended {
  readonly connectionId: string;
  readonly provider: string;
  /** checked when the flow began */
  readonly returnUrl: string | null;
}

/** The person's access token, for the moment of the consent. Never stored. */
export type ConsentToken = AccessToken;

export interface SetupView extends StoredSetup {
  /** where a person lets the application into an organization */
  readonly installLink: string;
}

export interface Connected extends Ended {
  readonly ok: true;
  /** as the provider names the person who consented; null where it doesn't */
  readonly account: string | null;
  readonly reconnected: boolean;
  /** false where the consent served the setup alone */
  readonly kept: boolean;
  /** what was seen with the person's token, where the provider's setup looks around */
  readonly setup: SetupView | null;
  /** the provider has organizations or locations that can have ids of the user's own */
  readonly mappable: boolean;
}

export interface NotConnected extends Ended {
  readonly ok: false;
  readonly error: SluiceError;
  /** links for this browser: to try once more, and to take the other account from now on */
  readonly again: string;
  readonly otherAccount: string | null;
}

export interface ConnectOutcome {
  readonly account: string | null;
  readonly error: { readonly code: string; readonly message: string; readonly advice: string } | null;
}

export interface Connector {
  /**
   * A one-time link, 15 minutes.
   *
   * @throws SluiceError `not_found`, `connect_not_possible`, `request_invalid` (the return URL)
   */
  createLink(
    connectionId: string,
    options: { readonly returnUrl?: string | undefined; readonly publicUrl: string },
  ): Promise<ConnectLink>;
  /** How a link's last try went; undefined while nobody has come to an end. */
  outcome(linkId: string): Promise<ConnectOutcome | undefined>;
  /**
   * Begins a consent. Returns the provider's address to send the browser to.
   *
   * @throws SluiceError `connect_link_expired`, `connect_not_possible`, `not_found`, and what discovery throws
   */
  begin(request: BeginRequest): Promise<string>;
  /**
   * Takes the provider's answer. What went wrong after the state was accepted is returned, since it belongs to a
   * connection.
   *
   * @throws SluiceError `connect_state_invalid`, `connect_expired`
   */
  finish(request: FinishRequest): Promise<Connected | NotConnected>;
  /**
   * Takes a refresh token that was obtained elsewhere, and spends it once to see that it works.
   *
   * @throws SluiceError `connect_not_possible`, `grant_rejected`, `connect_other_account`, and what a token endpoint brings
   */
  importToken(
    connectionId: string,
    refreshToken: string,
    options: { readonly otherAccount: boolean },
  ): Promise<Connected>;
}
