/**
 * Spends refresh tokens, each once: under the lock of the grant's row, with an intent that is committed before the
 * request leaves, and with the rotated token stored before anybody sees the access token that came with it.
 *
 * Two pools, and never two connections of one inside each other: one connection of `locks` holds the row while
 * statements of `writes` commit beside it.
 */
import { randomUUID } from 'node:crypto';
import { refreshTokenGrant } from 'openid-client';
import type pg from 'pg';
import { SluiceError, type ErrorCode } from '../../errors.ts';
import type { Db } from '../../store/db.ts';
import {
  endIntent,
  findIntent,
  grantIdentity,
  lockGrant,
  refuseGrant,
  withdrawIntent,
  writeIntent,
  type GrantRow,
  type GrantVersion,
  type Intent,
  type LockedGrant,
  type RefreshResult,
} from '../../store/grants.ts';
import { parkConnection } from '../../store/connections.ts';
import type { TokenSubject } from '../contract.ts';
import { readToken, type IssuedToken } from '../token-answer.ts';
import type { Vault } from '../vault.ts';
import { refreshTokenExpiry, refreshTokenOf } from './answer.ts';
import { createRotationStore } from './rotation.ts';
import { isLockTimeout, withLock } from './row-lock.ts';
import {
  REQUEST_TIMEOUT_MS,
  unknownSpent,
  type AuthorizationServers,
  type ExchangeAnswer,
} from './server.ts';

/** Storing what can't be asked for again is tried for this long before the caller hears of it. */
const STORE_PATIENCE_MS = 20_000;
/** How often one call begins anew, because somebody else has moved the grant on meanwhile. */
const MAX_ROUNDS = 3;

export interface RefresherOptions {
  /** holds grants' rows while requests are under way */
  readonly locks: Db;
  /** short statements beside them */
  readonly writes: Db;
  readonly servers: AuthorizationServers;
  readonly vault: Pick<Vault, 'encrypt' | 'decrypt'>;
  /** epoch milliseconds */
  readonly now: () => number;
  readonly logger?: {
    warn(details: object, message: string): void;
    error(details: object, message: string): void;
  };
  /** milliseconds for one exchange, as `servers` has it [30,000] */
  readonly timeoutMs?: number;
  /** milliseconds after which an intent without an outcome is taken for a dead process's [timeout + patience + 10 s] */
  readonly intentLifeMs?: number;
  /** milliseconds [20,000] */
  readonly storePatienceMs?: number;
}

export interface Refresher {
  /**
   * An access token for a subject whose grant is `user`. Once its request has left it runs to its end, whatever the
   * signal says: an outcome that nobody waits for would leave the refresh token in doubt.
   *
   * @throws SluiceError `not_connected`, `grant_rejected`, `refresh_outcome_unknown` (auth; the connection is parked
   *   as `needs_reconnect`), `grant_replaced`, `refresh_unsaved`, `token_wait` (transient), and what a token endpoint
   *   and the vault can bring
   */
  requestToken(subject: TokenSubject, signal?: AbortSignal): Promise<IssuedToken>;
  /** Stores what could not be stored before, where the database answers by now; then the pools may go. */
  close(): Promise<void>;
}

export function createRefresher(options: RefresherOptions): Refresher {
  const { writes } = options;
  const timeoutMs = options.timeoutMs ?? REQUEST_TIMEOUT_MS;
  const patienceMs = options.storePatienceMs ?? STORE_PATIENCE_MS;
  const rotations = createRotationStore({
    writes,
    patienceMs,
    ...(options.logger === undefined ? {} : { logger: options.logger }),
  });
  const intentLifeMs = options.intentLifeMs ?? timeoutMs + patienceMs + 10_000;

  /** One try under the row's lock; undefined where the grant has moved on and it is to be read anew. */
  async function underLock(subject: TokenSubject, signal?: AbortSignal): Promise<IssuedToken | undefined> {
    const endpoint = await options.servers.tokenEndpoint(subject, signal);
    return withLock(options.locks, timeoutMs + patienceMs, async (lock) => {
      const row = await lockGrant(lock, subject.connectionId).catch((error: unknown) => {
        throw isLockTimeout(error) ? busy(options.now()) : error;
      });
      assertUsable(row, subject);
      const token = options.vault.decrypt(row.refresh_token ?? '', grantIdentity(row.connection_id));
      const earlier = await earlierAttempts(lock, row, subject);
      signal?.throwIfAborted();
      const intent = randomUUID();
      await writeIntent(writes.pool, versionOf(row), { id: intent, attempts: earlier + 1 });
      let answer: ExchangeAnswer;
      try {
        answer = await send(subject, endpoint, token);
      } catch (error) {
        return afterFailure(error, { subject, row, intent, earlier });
      }
      const rotated = refreshTokenOf(answer.json);
      const result: RefreshResult = {
        ...versionOf(row),
        refreshToken:
          rotated === undefined || rotated === token
            ? null
            : options.vault.encrypt(rotated, grantIdentity(row.connection_id)),
        expiresAt: refreshTokenExpiry(answer.json, options.now()),
        used: subject.userGrant?.renewal !== true,
      };
      if (!(await rotations.store(lock, result))) return undefined;
      if (answer.flaw !== undefined) throw answer.flaw;
      return readToken(answer.json, subject, answer.obtainedAt);
    });
  }

  async function send(subject: TokenSubject, endpoint: string, token: string): Promise<ExchangeAnswer> {
    const answer = await options.servers.exchange(
      subject,
      { token: endpoint },
      {
        secrets: [token],
        // without scopes: the same as granted (RFC 6749 section 6)
        call: (config) => refreshTokenGrant(config, token, { ...subject.params }),
      },
    );
    // an object that holds neither says nothing of what happened to the token that was sent
    if (answer.flaw !== undefined && refreshTokenOf(answer.json) === undefined)
      throw unknownSpent(answer.flaw);
    return answer;
  }

  /** How many requests with this very token have an unknown outcome. @throws where no further one may be made */
  async function earlierAttempts(
    lock: pg.PoolClient,
    row: LockedGrant,
    subject: TokenSubject,
  ): Promise<number> {
    const intent = await findIntent(lock, row.connection_id);
    if (intent === undefined || intent.epoch !== row.epoch || intent.version !== row.version) return 0;
    if (!intent.ended && intent.age < intentLifeMs) throw stillUnderWay(intent);
    if (intent.attempts < attemptsAllowed(subject)) return intent.attempts;
    return inDoubt(row, subject, undefined);
  }

  function stillUnderWay(intent: Intent): SluiceError {
    const retryAt = options.now() + Math.max(1_000, intentLifeMs - intent.age);
    return new SluiceError(
      'token_wait',
      'Another process is refreshing this grant, or died while it did; the outcome is waited for.',
      { details: { retryAt } },
    );
  }

  interface Attempt {
    readonly subject: TokenSubject;
    readonly row: GrantRow;
    readonly intent: string;
    readonly earlier: number;
  }

  async function afterFailure(thrown: unknown, attempt: Attempt): Promise<undefined> {
    const { subject, row, intent, earlier } = attempt;
    if (!(thrown instanceof SluiceError) || thrown.details['spent'] !== 'no') {
      if (earlier + 1 >= attemptsAllowed(subject)) return inDoubt(row, subject, thrown);
      await endIntent(writes.pool, intent).catch(() => undefined);
      throw thrown;
    }
    if (thrown.details['oauthError'] === 'invalid_grant') return afterInvalidGrant(thrown, attempt);
    // a setting, a limit, an outage: the token was not spent, and nothing of it is forgotten
    await withdrawIntent(writes.pool, intent, earlier).catch(() => undefined);
    throw thrown;
  }

  /** Whoever writes it down looks again: a sibling may have rotated the token while our lock was lost. */
  function afterInvalidGrant(error: SluiceError, { row, subject }: Attempt): Promise<never> {
    const said = error.message.replace(/^The token endpoint refused the request: /, '');
    const message = `${subject.connectionId} must be connected again: the provider refused the refresh token: ${said}`;
    return giveUp(row, new SluiceError('grant_rejected', message, { details: error.details }));
  }

  function inDoubt(row: GrantRow, subject: TokenSubject, cause: unknown): Promise<never> {
    const message = `A refresh of ${subject.connectionId} was sent and its outcome was lost: nobody knows whether the stored refresh token still works.`;
    return giveUp(row, new SluiceError('refresh_outcome_unknown', message, { cause }));
  }

  /** Ends the try; what it found is written down when the lock is gone. The intent stands until then, for others. */
  async function giveUp(row: GrantRow, error: SluiceError): Promise<never> {
    throw new GivenUp(versionOf(row), error);
  }

  return {
    async requestToken(subject, signal) {
      signal?.throwIfAborted();
      await rotations.flush(subject.connectionId);
      for (let round = 1; round <= MAX_ROUNDS; round += 1) {
        try {
          const issued = await underLock(subject, signal);
          if (issued !== undefined) return issued;
        } catch (error) {
          if (!(error instanceof GivenUp)) throw error;
          const refusal = { code: error.error.code, reason: error.error.message };
          // a newer token or consent has come: that one is tried
          if (!(await refuseGrant(writes.pool, error.version, refusal))) continue;
          await parkConnection(writes, error.version.connectionId, 'needs_reconnect', error.error.report());
          throw error.error;
        }
      }
      throw busy(options.now());
    },
    close: () => rotations.close(),
  };
}

/** A version of a grant that is of no use: carried out of the lock's transaction. */
class GivenUp extends Error {
  readonly version: GrantVersion;
  readonly error: SluiceError;

  constructor(version: GrantVersion, error: SluiceError) {
    super(error.message);
    this.version = version;
    this.error = error;
  }
}

function busy(now: number): SluiceError {
  return new SluiceError('token_wait', 'The grant is being refreshed by others.', {
    details: { retryAt: now + 5_000 },
  });
}

/** Requests that may be sent with one refresh token while the outcome of each is unknown. */
function attemptsAllowed(subject: TokenSubject): number {
  return subject.userGrant?.unknownOutcome === 'retry-old-once' ? 2 : 1;
}

function versionOf(row: GrantRow): GrantVersion {
  return { connectionId: row.connection_id, epoch: row.epoch, version: row.version };
}

function assertUsable(row: LockedGrant | undefined, subject: TokenSubject): asserts row is LockedGrant {
  const { connectionId } = subject;
  const advice = `Run \`sluice connect ${connectionId}\` and let a person consent at the provider.`;
  if (row === undefined || row.refresh_token === null) {
    throw new SluiceError('not_connected', `Nobody has connected ${connectionId} yet.`, { advice });
  }
  if (row.epoch !== subject.userGrant?.epoch) {
    throw new SluiceError('grant_replaced', `${connectionId} was connected again in the meantime.`);
  }
  if (row.client_id !== subject.clientId) {
    const message = `${connectionId} was connected with another application (client id) than it has now.`;
    throw new SluiceError('not_connected', message, { advice });
  }
  if (row.refused_meanwhile) {
    const code: ErrorCode =
      row.refused_code === 'refresh_outcome_unknown' ? 'refresh_outcome_unknown' : 'grant_rejected';
    throw new SluiceError(code, row.refused_reason ?? 'The refresh token was refused.');
  }
}
