/**
 * The error catalogue: every failure that a user can meet has a stable code, a kind and one sentence of
 * advice that names the fix. `docs/errors.md` is held in step with it by a test.
 */

/**
 * What kind of trouble an error is, and so who can end it:
 * `config` the user's settings; `transient` time; `rate_limited` time, as the provider says;
 * `auth` a person (credentials, consent); `data` the provider's answer or the database's content.
 */
export type ErrorKind = 'config' | 'transient' | 'rate_limited' | 'auth' | 'data';

interface CatalogueEntry {
  readonly kind: ErrorKind;
  /** One sentence, in the imperative, that names the fix. */
  readonly advice: string;
}

export const catalogue = {
  // configuration and command line
  config_invalid: { kind: 'config', advice: 'Correct each problem listed, then start again.' },
  usage: { kind: 'config', advice: 'Run the command with --help to see its arguments and examples.' },
  not_found: { kind: 'config', advice: 'List what exists with `sluice connections` or `sluice runs`.' },

  // database
  database_unreachable: {
    kind: 'transient',
    advice: 'Check that Postgres runs and that DATABASE_URL names its host, port, user and database.',
  },
  schema_outdated: { kind: 'config', advice: 'Run `sluice migrate`, then start this process again.' },
  schema_newer: {
    kind: 'config',
    advice: 'Deploy the newer version of Sluice that migrated this database; schemas never go back.',
  },

  view_name_taken: {
    kind: 'config',
    advice: 'Rename that relation, or move it into another schema; then run `sluice migrate`.',
  },
  view_busy: {
    kind: 'transient',
    advice: 'Wait until the long query that reads this view is over, then run the command again.',
  },

  // the data folder and the embedded Postgres
  folder_in_use: {
    kind: 'config',
    advice: 'Stop that process first, or give this one a folder of its own with SLUICE_DATA_DIR.',
  },
  data_folder_unusable: {
    kind: 'config',
    advice:
      'Run as the account that owns the folder, free disk space, or name another folder in SLUICE_DATA_DIR.',
  },
  embedded_postgres_unavailable: {
    kind: 'config',
    advice: 'Set DATABASE_URL to a Postgres of your own, version 14 or newer.',
  },
  embedded_postgres_version: {
    kind: 'config',
    advice:
      'Dump the data with the version of Sluice that wrote it and restore it into an empty SLUICE_DATA_DIR, or set DATABASE_URL.',
  },
  embedded_postgres_failed: {
    kind: 'config',
    advice:
      "Mend what the lines of the server's log name (often disk space or permissions), or set DATABASE_URL.",
  },
  embedded_postgres_busy: {
    kind: 'transient',
    advice: 'Try again in a moment; if it lasts, look at the process that is named and end it if it hangs.',
  },

  // the queue
  queue_unreachable: {
    kind: 'transient',
    advice:
      'Check that Redis runs and that REDIS_URL names its host, port, password and database; without REDIS_URL, check Postgres.',
  },
  backend_mismatch: {
    kind: 'config',
    advice:
      'Give every process the same REDIS_URL and SLUICE_QUEUE_PREFIX (or none of them a REDIS_URL), stop those that differ, and start this one again.',
  },

  // requests that leave for a provider
  endpoint_refused: {
    kind: 'config',
    advice:
      'Correct the address, or list its host in SLUICE_ALLOW_HOSTS (loopback: SLUICE_ALLOW_LOOPBACK=true) if it is meant.',
  },
  request_malformed: {
    kind: 'config',
    advice: 'Check the credentials and settings for line breaks and characters that a header cannot carry.',
  },
  redirect_refused: {
    kind: 'data',
    advice: "Configure the address that the provider redirects to, if it is the provider's own.",
  },
  response_too_large: {
    kind: 'data',
    advice: 'Lower `limits.pageSize` of the connection, so that each answer is smaller.',
  },
  response_unreadable: {
    kind: 'data',
    advice:
      "Check that the endpoint is the provider's own API and not a proxy or a login page in front of it.",
  },
  request_timeout: {
    kind: 'transient',
    advice:
      "Wait, since Sluice tries again by itself; if it lasts, check the provider's status page and the network.",
  },
  network_error: {
    kind: 'transient',
    advice:
      'Wait, since Sluice tries again by itself; if it lasts, check the host name, DNS and the firewall.',
  },
  tls_error: {
    kind: 'config',
    advice:
      "Check the host name and this machine's clock; for a private certificate authority set NODE_EXTRA_CA_CERTS to its file.",
  },

  // token endpoints
  token_client_rejected: {
    kind: 'config',
    advice:
      'Correct the client id, the client secret or `oauth.basicEncoding` of the connection, then run `sluice check`.',
  },
  token_scope_rejected: {
    kind: 'config',
    advice:
      'Give the application these scopes at the provider, or leave them out of `scopes` and the streams that need them.',
  },
  token_request_invalid: {
    kind: 'config',
    advice:
      'Correct `endpoints.token`, `scopes` or `oauth.params` of the connection as the provider documents them.',
  },
  token_endpoint_unavailable: {
    kind: 'transient',
    advice:
      "Wait, since Sluice tries again by itself; if it lasts, check `endpoints.token` and the provider's status page.",
  },
  token_endpoint_rate_limited: {
    kind: 'rate_limited',
    advice:
      'Wait until the provider allows the next token request; look for other programs that use the same application.',
  },
  token_response_invalid: {
    kind: 'transient',
    advice:
      'Wait, since Sluice tries again by itself; if it lasts, check that `endpoints.token` is the token endpoint.',
  },
  token_wait: {
    kind: 'transient',
    advice: 'Nothing to do: another process is requesting this token, and the work goes on when it is there.',
  },
  issuer_metadata_invalid: {
    kind: 'config',
    advice: 'Correct `endpoints.issuer` as the provider documents it, or set `endpoints.token` instead.',
  },

  // grants of persons
  not_connected: {
    kind: 'auth',
    advice: 'Run `sluice connect ID` and let a person consent at the provider.',
  },
  grant_rejected: {
    kind: 'auth',
    advice:
      'Connect again with `sluice connect ID`: the consent was taken back, has expired, or was replaced.',
  },
  refresh_outcome_unknown: {
    kind: 'auth',
    advice:
      'Run `sluice check ID`, which tries the stored token once more; if that fails, connect again with `sluice connect ID`.',
  },
  refresh_unsaved: {
    kind: 'transient',
    advice:
      'Mend the database soon: this process holds a new refresh token that it could not store, and stores it as soon as it can.',
  },
  grant_replaced: {
    kind: 'transient',
    advice: 'Nothing to do: the connection was connected again, and the work goes on with the new consent.',
  },
  connect_not_possible: {
    kind: 'config',
    advice: 'Nothing needs to be connected: run `sluice check ID` to see whether the credentials work.',
  },
  connect_link_expired: {
    kind: 'auth',
    advice: 'Ask for a new link; each can be opened in one browser, and lives for 15 minutes.',
  },
  connect_expired: { kind: 'auth', advice: 'Open a new link and finish at the provider within 15 minutes.' },
  connect_state_invalid: {
    kind: 'auth',
    advice: 'Nothing was changed. Begin again with a new link, in one browser and with cookies allowed.',
  },
  connect_denied: { kind: 'auth', advice: 'Open the link again and allow the access, if it is meant.' },
  connect_other_account: {
    kind: 'auth',
    advice:
      'Log in at the provider with the account that is named, or choose the other account on that page.',
  },
  connect_no_refresh_token: {
    kind: 'config',
    advice:
      'Ask for the scope that the provider documents for refresh tokens (`scopes`), or set `oauth.prompt: consent`.',
  },
  connect_code_rejected: { kind: 'auth', advice: 'Begin again with a new link, and open it once.' },
  connect_timeout: {
    kind: 'transient',
    advice: 'Run `sluice connect ID` again and open the new link in time.',
  },
  authorization_refused: {
    kind: 'config',
    advice:
      'Correct the client id, the redirect URI registered at the provider, or `scopes`, as the reason says; then open a new link.',
  },
  authorization_unavailable: {
    kind: 'transient',
    advice: 'Wait a few minutes and open the link again; nothing was changed.',
  },
  authorization_response_invalid: {
    kind: 'data',
    advice: 'Nothing was changed. Check `endpoints.issuer` and `endpoints.authorization`, then begin again.',
  },

  // encrypted secrets
  vault_key_missing: {
    kind: 'config',
    advice: 'Put the old key behind the new one in SLUICE_ENCRYPTION_KEYS, then run `sluice keys rotate`.',
  },
  vault_corrupt: {
    kind: 'data',
    advice: 'Enter the credentials of this connection again, or restore the database from a backup.',
  },

  // the provider's answers
  provider_unavailable: {
    kind: 'transient',
    advice: "Wait: Sluice tries again with growing pauses; look at the provider's status page if it lasts.",
  },
  provider_not_ready: {
    kind: 'transient',
    advice: 'Wait: the provider is preparing this data; Sluice asks again by itself.',
  },
  provider_rate_limited: {
    kind: 'rate_limited',
    advice: 'Wait, or lower the load with `limits.requestsPerMinute` and a less frequent schedule.',
  },
  rate_paced: {
    kind: 'rate_limited',
    advice:
      "Nothing to do: Sluice keeps within the provider's limit; a less frequent schedule asks for less.",
  },
  provider_unauthorized: {
    kind: 'auth',
    advice:
      'Check the credentials of this connection at the provider, correct them, then run `sluice check`.',
  },
  provider_forbidden: {
    kind: 'auth',
    advice: 'Give the application the missing permission at the provider, or leave this stream out.',
  },
  provider_refused: {
    kind: 'data',
    advice:
      "Compare the request with the provider's documentation; settings or a custom stream may be wrong.",
  },
  response_unexpected: {
    kind: 'data',
    advice:
      'Check `endpoints.api` and the API version: the answer is JSON but not the list that is documented.',
  },
  next_link_refused: {
    kind: 'data',
    advice: 'Nothing was sent there. If the provider moved its API, set `endpoints.api` to the new address.',
  },
  parent_unaddressable: {
    kind: 'data',
    advice:
      'Give that record another id at the provider, or leave the stream out (`streams` of the connection). Nothing was sent, and nothing was deleted.',
  },
  paging_loop: {
    kind: 'data',
    advice: 'Report this to the provider: its list names a page again that it has already given.',
  },

  // the change feed
  feed_truncated: {
    kind: 'data',
    advice:
      'Read all records of the stream once more, then go on from the number that was the last before you began.',
  },
  cursor_ahead: {
    kind: 'data',
    advice:
      'Check that the number belongs to this stream and this database; if it was restored from a backup, read all records once more.',
  },

  // runs and streams
  lease_busy: { kind: 'transient', advice: 'Wait: another run of this stream is being finished.' },
  lease_lost: { kind: 'transient', advice: 'Nothing to do: another worker has taken this stream over.' },
  page_outdated: {
    kind: 'transient',
    advice: 'Nothing to do: the page is asked for again, so that nothing of a purged record comes back.',
  },
  shutdown: { kind: 'transient', advice: 'Nothing to do: the work goes on when a worker runs again.' },
  poison: {
    kind: 'data',
    advice: 'Look at the log of the workers that died with this stream; then ask for a new run.',
  },
  records_rejected: {
    kind: 'data',
    advice:
      'Look at `sluice rejected ID STREAM`: the format of the provider has changed, or the stream is described wrongly. Nothing was deleted.',
  },
  deletes_held: {
    kind: 'data',
    advice:
      'Check the source; if the deletes are right, allow them once with `sluice sync ID --allow-deletes`.',
  },
  parent_failed: { kind: 'data', advice: 'Mend the parent stream first; this one needs its records.' },
  connection_removed: { kind: 'config', advice: 'Nothing to do: the connection was removed during the run.' },
  connection_paused: { kind: 'config', advice: 'Resume the connection with `sluice resume ID` first.' },
  connection_parked: {
    kind: 'auth',
    advice: 'Mend what `sluice connections ID` names, then run `sluice check ID`.',
  },
  provider_unknown: {
    kind: 'config',
    advice: 'Deploy a version of Sluice that knows this provider, or remove the connection.',
  },
  wait_timeout: {
    kind: 'transient',
    advice: 'The run goes on: follow it with `sluice runs RUN`, or wait longer with --timeout.',
  },

  // webhooks
  webhook_refused: {
    kind: 'auth',
    advice:
      "Check the connection's id in the URL, that its provider has webhooks, the webhook secret, and the sender's clock.",
  },
  webhooks_not_stored: {
    kind: 'transient',
    advice:
      'Nothing to do at the sender, which repeats it; check that Postgres answers and has room (`/readyz`, `sluice doctor`).',
  },
  webhook_unreadable: {
    kind: 'data',
    advice:
      'Look at the body with `sluice events EVENT`; if it is whole there, report it to the provider: it is not what is documented.',
  },
  webhook_record_rejected: {
    kind: 'data',
    advice:
      'Compare the record with what the provider documents; `sluice events replay EVENT` applies it after a change.',
  },
  webhook_contended: {
    kind: 'transient',
    advice: 'Nothing to do: the record was written by somebody else meanwhile and is asked for again.',
  },
  webhook_confirm_refused: {
    kind: 'data',
    advice:
      'Nothing was fetched. If the provider has moved its subscriptions to this host, open the address by hand once.',
  },
  webhooks_unavailable: {
    kind: 'config',
    advice: 'Choose a provider that documents webhooks; `sluice providers` shows which do.',
  },
  webhook_registration_failed: {
    kind: 'data',
    advice:
      'Check that PUBLIC_URL is an https address that the provider reaches, and the scopes of the application; then run `sluice webhooks register ID` again.',
  },
  webhook_endpoint_down: {
    kind: 'data',
    advice: 'Run `sluice webhooks register ID` to make the endpoint anew; a sync brings what was missed.',
  },
  public_url_missing: {
    kind: 'config',
    advice: 'Set PUBLIC_URL to the address under which the provider reaches the web process.',
  },
  event_not_replayable: {
    kind: 'config',
    advice: 'Wait until the event is over; where its body is gone, run a sync, which brings what it told.',
  },
  notify_not_configured: {
    kind: 'config',
    advice: 'Set SLUICE_NOTIFY_URL and SLUICE_NOTIFY_SECRET, then start the processes again.',
  },
  notify_overdue: {
    kind: 'data',
    advice: 'See on /notifications what was not told, and send again what still matters.',
  },
  notify_refused: {
    kind: 'data',
    advice: 'Look at the log of the receiver: it must answer 2xx to a signed POST within 15 seconds.',
  },

  // web
  port_in_use: {
    kind: 'config',
    advice: 'Set PORT to a free port, or stop the process that listens on this one.',
  },
  listen_failed: {
    kind: 'config',
    advice: 'Set HOST and PORT to an address of this machine that the process may listen on.',
  },
  route_not_found: { kind: 'config', advice: 'Check the method and the path of the request.' },
  method_not_allowed: { kind: 'config', advice: 'Use one of the methods that the Allow header names.' },
  body_too_large: { kind: 'data', advice: 'Send a smaller body, or split it over several requests.' },
  media_type_unsupported: { kind: 'data', advice: 'Send the body with `Content-Type: application/json`.' },
  request_invalid: { kind: 'data', advice: 'Correct the request as the message says, then send it again.' },
  api_key_required: {
    kind: 'auth',
    advice: 'Send one of the keys in SLUICE_API_KEYS as `Authorization: Bearer KEY`.',
  },
  login_required: { kind: 'auth', advice: 'Log in at /login, then try again.' },
  login_failed: { kind: 'auth', advice: 'Enter the password that SLUICE_ADMIN_PASSWORD holds.' },
  login_rate_limited: { kind: 'rate_limited', advice: 'Wait for the time named, then try again.' },
  cross_site_request: {
    kind: 'auth',
    advice: 'Open the page itself, reload it, and send the form from there.',
  },
  queues_read_only: {
    kind: 'config',
    advice: 'Set SLUICE_BULL_BOARD=read-write and restart the web process to change jobs from Bull Board.',
  },
  too_many_viewers: {
    kind: 'transient',
    advice: 'Close pages of the console that nobody looks at; the others try again by themselves.',
  },
  status_unavailable: {
    kind: 'transient',
    advice: 'Open /readyz, which names the part that does not answer, and mend that.',
  },

  api_rate_limited: {
    kind: 'rate_limited',
    advice:
      'Wait for the time that Retry-After names, then ask less often, with larger pages or with `wait`.',
  },
  connection_managed_by_file: {
    kind: 'config',
    advice:
      'Change the connection in its file and run `sluice apply`, or take it out of the file and prune it.',
  },
  connection_changed: {
    kind: 'data',
    advice: 'Open the form again, and make the change to what is there now.',
  },
  idempotency_key_reused: {
    kind: 'data',
    advice: 'Use a new Idempotency-Key for each new request; repeat one only with the same body.',
  },
  idempotency_in_progress: {
    kind: 'transient',
    advice: 'Send the same request again in a few seconds, under the same Idempotency-Key.',
  },

  // anything that has no better code
  internal: {
    kind: 'transient',
    advice:
      'Look at the log line with this code; if it comes back, report it with the stack trace found there.',
  },
} as const satisfies Record<string, CatalogueEntry>;

export type ErrorCode = keyof typeof catalogue;

/** The JSON shape of an error wherever one is shown: runs, events, commands, problem documents. */
export interface ErrorReport {
  readonly code: string;
  readonly kind: ErrorKind;
  readonly message: string;
  readonly advice: string;
}

export interface SluiceErrorOptions {
  readonly cause?: unknown;
  /** Replaces the catalogue's advice where the place of failure knows better. */
  readonly advice?: string;
  /** Facts for the log and for tests. Never secrets. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** An error that a user can act on. The message says what happened, the advice what to do. */
export class SluiceError extends Error {
  override readonly name = 'SluiceError';
  readonly code: ErrorCode;
  readonly kind: ErrorKind;
  readonly advice: string;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: SluiceErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.kind = catalogue[code].kind;
    this.advice = options.advice ?? catalogue[code].advice;
    this.details = options.details ?? {};
  }

  report(): ErrorReport {
    return { code: this.code, kind: this.kind, message: this.message, advice: this.advice };
  }
}

/** Turns anything thrown into a report; what is not ours becomes `internal`, with its message. */
export function reportOf(error: unknown): ErrorReport {
  if (error instanceof SluiceError) return error.report();
  const message = error instanceof Error ? error.message : String(error);
  return { code: 'internal', ...catalogue.internal, message };
}
