/** The functions of `/v1` and of the console on behalf of somebody: each that changes something leaves an audit entry. */
import type { Connector } from '../auth/authorization/contract.ts';
import { connectionSchema } from '../config/connection-schema.ts';
import type { Runtime } from '../runtime.ts';
import { audited, type Actor, type AuditEntry, type AuditNote } from '../store/audit.ts';
import type { ApiDeps } from '../web/api/contract.ts';

/** The same functions, acting as `actor`. */
export function actingAs(runtime: Pick<Runtime, 'db'>, api: ApiDeps, actor: Actor): ApiDeps {
  const act = <T>(
    entry: Omit<AuditEntry, 'actor'>,
    work: (note: (more: AuditNote) => void) => Promise<T>,
  ): Promise<T> => audited(runtime.db, { ...entry, actor }, work);
  return {
    ...api,
    putConnection: (connection, body) =>
      act({ action: 'connection.put', connection, details: namesOf(body) }, async (note) => {
        const stored = await api.putConnection(connection, body);
        note({ details: { created: stored.created } });
        return stored;
      }),
    removeConnection: (connection, purge) =>
      act({ action: 'connection.remove', connection, details: { purge } }, async (note) => {
        const removed = await api.removeConnection(connection, purge);
        note({ details: { records: removed.records } });
        return removed;
      }),
    sync: (connection, request) => {
      const { streams, full, allowDeletes } = request;
      const details = { ...(streams === undefined ? {} : { streams }), full, allowDeletes };
      return act({ action: 'connection.sync', connection, details }, async (note) => {
        const run = await api.sync(connection, request);
        note({ subject: run.id });
        return run;
      });
    },
    pause: (connection) => act({ action: 'connection.pause', connection }, () => api.pause(connection)),
    resume: (connection) => act({ action: 'connection.resume', connection }, () => api.resume(connection)),
    reset: (connection, streams) =>
      act({ action: 'connection.reset', connection }, async (note) => {
        const reset = await api.reset(connection, streams);
        note({ details: { streams: reset.streams } });
        return reset;
      }),
    check: (connection) =>
      act({ action: 'connection.check', connection }, async (note) => {
        const report = await api.check(connection);
        const { ok, cleared, error } = report;
        note({ details: { ok, cleared, ...(error === null ? {} : { code: error.code }) } });
        return report;
      }),
    cancel: (subject) =>
      act({ action: 'run.cancel', subject }, async (note) => {
        const run = await api.cancel(subject);
        note({ connection: run.connection, details: { status: run.status } });
        return run;
      }),
    replayEvent: (subject) =>
      act({ action: 'events.replay', subject }, async (note) => {
        const event = await api.replayEvent(subject, actor.name);
        note({ connection: event.connection });
        return event;
      }),
    registerWebhooks: (connection, renew) =>
      act({ action: 'webhooks.register', connection, details: { renew } }, () =>
        api.registerWebhooks(connection, renew),
      ),
    connectLink: (connection, returnUrl) =>
      act({ action: 'connection.connect_link', connection }, () => api.connectLink(connection, returnUrl)),
    replaceMappings: (connection, given) =>
      act({ action: 'mappings.set', connection, details: { mappings: given.length, replace: true } }, () =>
        api.replaceMappings(connection, given),
      ),
  };
}

/** A consent that an operator begins without a link: that he was sent to the provider, and what he came back with. */
export function connectingAs(
  { db, connector }: Pick<Runtime, 'db' | 'connector'>,
  actor: Actor,
): Pick<Connector, 'begin' | 'finish'> {
  return {
    begin: (request) =>
      audited(db, { actor, action: 'connection.connect', connection: request.connectionId }, () =>
        connector.begin(request),
      ),
    finish: (request) =>
      audited(db, { actor, action: 'connection.consent' }, async (note) => {
        const ended = await connector.finish(request);
        const { ok, connectionId: connection } = ended;
        note({
          connection,
          details: ok ? { ok, reconnected: ended.reconnected } : { ok, code: ended.error.code },
        });
        return ended;
      }),
  };
}

/** What a configuration names, and nothing of what it says: a wrong body may hold anything anywhere. */
function namesOf(body: unknown): { readonly provider?: string; readonly keys: readonly string[] } {
  const given = (body ?? {}) as Readonly<Record<string, unknown>>;
  const keys = Object.keys(given).filter((key) => CONFIGURATION_KEYS.has(key));
  const { provider } = given;
  return { ...(typeof provider === 'string' && /^[a-z]{1,20}$/.test(provider) ? { provider } : {}), keys };
}

const CONFIGURATION_KEYS = new Set(Object.keys(connectionSchema.shape));
