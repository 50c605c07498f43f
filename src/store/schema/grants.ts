/**
 * What a person's consent gives: the grant with its refresh token, refreshes under way, consents under way, and
 * tokens that are to be revoked.
 */
import { bigint, boolean, index, integer, jsonb, text, timestamp } from 'drizzle-orm/pg-core';
import { sluice } from './namespace.ts';

export const grants = sluice.table('grants', {
  connectionId: text('connection_id').primaryKey(),
  /** another one with every consent: access tokens of an older consent are never served for a newer one */
  epoch: text().notNull(),
  /** grows with every refresh of the epoch */
  version: bigint({ mode: 'number' }).notNull().default(1),
  /** vault ciphertext, identity `grant:<connection id>`; null where the consent serves the setup alone */
  refreshToken: text('refresh_token'),
  /** the application that it was issued to: no other one can use it */
  clientId: text('client_id').notNull(),
  scopes: text().array().notNull(),
  /** as the provider names the person who consented; null where it doesn't say */
  accountId: text('account_id'),
  accountLabel: text('account_label'),
  obtainedAt: timestamp('obtained_at', { withTimezone: true }).notNull().defaultNow(),
  lastUsedAt: timestamp('last_used_at', { withTimezone: true }),
  lastRefreshedAt: timestamp('last_refreshed_at', { withTimezone: true }),
  /** when the refresh token ends if it isn't used, where the provider says */
  expiresAt: timestamp('expires_at', { withTimezone: true }),
  /** when it was found to be of no use, or in doubt; whoever began before that moment doesn't try again */
  refusedAt: timestamp('refused_at', { withTimezone: true }),
  refusedCode: text('refused_code'),
  refusedReason: text('refused_reason'),
  /** what the person and the application reached right after the consent, where the provider's setup looks at it */
  setup: jsonb(),
});

/**
 * The intent to spend a refresh token, committed before the request leaves, removed with the outcome. One that is
 * left over says: this token may have been spent.
 */
export const grantRefreshes = sluice.table('grant_refreshes', {
  connectionId: text('connection_id').primaryKey(),
  epoch: text().notNull(),
  version: bigint({ mode: 'number' }).notNull(),
  /** one number for each intent, so that a late process removes only its own */
  id: text().notNull(),
  /** requests with this very token whose outcome is not known */
  attempts: integer().notNull().default(1),
  startedAt: timestamp('started_at', { withTimezone: true }).notNull().defaultNow(),
  /** set where the process that sent it says that it got no outcome; null: under way, or the process died */
  endedAt: timestamp('ended_at', { withTimezone: true }),
});

/** One-time links for a consent. */
export const connectTickets = sluice.table(
  'connect_tickets',
  {
    /** sha-256 of the ticket */
    hash: text().primaryKey(),
    connectionId: text('connection_id').notNull(),
    returnUrl: text('return_url'),
    /** a person has said that another account than the stored one is meant */
    otherAccount: boolean('other_account').notNull().default(false),
    /** sha-256 of the cookie of the browser that opened it first */
    browser: text(),
    createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
    expiresAt: timestamp('expires_at', { withTimezone: true }).notNull(),
    /** set when a consent came to its end: from then on the link does nothing */
    finishedAt: timestamp('finished_at', { withTimezone: true }),
    /** `{ "connected": … }` or the error, for the command that waits */
    outcome: jsonb(),
  },
  (t) => [index('connect_tickets_by_expiry').on(t.expiresAt)],
);

/** Consents under way: from the redirect to the provider to the callback. */
export const connectFlows = sluice.table(
  'connect_flows',
  {
    /** sha-256 of the state */
    state: text().primaryKey(),
    connectionId: text('connection_id').notNull(),
    /** sha-256 of the browser's cookie */
    browser: text().notNull(),
    /** vault ciphertext of PKCE verifier and nonce; identity `connect:<state hash>` */
    sealed: text().notNull(),
    redirectUri: text('redirect_uri').notNull(),
    returnUrl: text('return_url'),
    otherAccount: boolean('other_account').notNull().default(false),
    ticket: text(),
    createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
    expiresAt: timestamp('expires_at', { withTimezone: true }).notNull(),
    usedAt: timestamp('used_at', { withTimezone: true }),
  },
  (t) => [index('connect_flows_by_expiry').on(t.expiresAt)],
);

/** Refresh tokens that are of no more use, with all that is needed to tell their provider. */
export const grantRevocations = sluice.table(
  'grant_revocations',
  {
    id: text().primaryKey(),
    connectionId: text('connection_id').notNull(),
    provider: text().notNull(),
    config: jsonb().notNull(),
    /** vault ciphertexts, as they stood in the rows of the connection and of its grant */
    credentials: text().notNull(),
    refreshToken: text('refresh_token').notNull(),
    attempts: integer().notNull().default(0),
    nextAttemptAt: timestamp('next_attempt_at', { withTimezone: true }).notNull().defaultNow(),
    createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
  },
  (t) => [index('grant_revocations_due').on(t.nextAttemptAt)],
);
