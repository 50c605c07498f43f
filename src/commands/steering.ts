/** What the console's steering pages do, as functions of a process. */
import { SluiceError } from '../errors.ts';
import type { Runtime } from '../runtime.ts';
import { audited, listAudit } from '../store/audit.ts';
import { findEventRow } from '../store/inbox-history.ts';
import { resendNotification, type NotificationPlace } from '../store/notifications.ts';
import { findEvent, listEvents } from '../webhooks/history.ts';
import { notificationPage } from '../webhooks/notify-log.ts';
import type { ConnectionDetail } from '../web/api/contract.ts';
import type { SteeringDeps } from '../web/steering-contract.ts';
import { connectionFacts } from './connection-facts.ts';
import { connectionYaml, storedYaml } from './connection-yaml.ts';
import { editingOf } from './edit-connection.ts';
import { providerForms } from './provider-forms.ts';
import { tryConnection } from './try-connection.ts';

/** Rows of a page. */
const ROWS = 50;

/** `connection` reads one as `/v1` shows it. */
export function steeringOf(
  runtime: Runtime,
  publicUrl: string,
  connection: (id: string) => Promise<ConnectionDetail>,
): SteeringDeps {
  const { db, logger } = runtime;
  return {
    facts: async (id) => connectionFacts(runtime, await connection(id), publicUrl),

    providers: providerForms(),
    tryConnection: (id, body) => tryConnection(runtime, id, body),
    asYaml: connectionYaml,
    storedYaml: (id) => storedYaml(runtime, id),
    ...editingOf(runtime),
    async needsConsent(id) {
      const loaded = await runtime.loadConnection(id, { requireUsable: false });
      return loaded.grant === 'user' && (loaded.grantEpoch ?? null) === null;
    },

    async events({ connection: id, status, before }) {
      const found = await listEvents(db, { connection: id, status, before, limit: ROWS + 1 });
      const events = found.slice(0, ROWS);
      return { events, next: found.length > ROWS ? (events.at(-1)?.id ?? null) : null };
    },
    async event(id) {
      const [event, row] = await Promise.all([findEvent(db, id), findEventRow(db, id)]);
      if (event === undefined) throw noSuch('event', id, '/events');
      const { body: _text, ...view } = event;
      return { event: view, body: row?.body ?? null };
    },
    async notifications(before) {
      const place = before === undefined ? undefined : placeOf(before);
      const { data, next } = await notificationPage(db, { before: place, limit: ROWS });
      const { notifyUrl } = runtime.environment;
      return {
        data,
        next: next === undefined ? null : `${next.at}~${next.id}`,
        configured: notifyUrl !== undefined,
      };
    },
    resend: (actor, id) =>
      audited(db, { actor, action: 'notification.resend', subject: id }, async () => {
        if (!(await resendNotification(db, id)))
          throw noSuch('notification that is over', id, '/notifications');
      }),

    async audit(filter) {
      const found = await listAudit(db, { ...filter, limit: ROWS + 1 });
      const entries = found.slice(0, ROWS);
      return { entries, next: found.length > ROWS ? (entries.at(-1)?.id ?? null) : null };
    },
    async note(actor, action) {
      await audited(db, { actor, action }, async () => undefined).catch((error: unknown) =>
        // whoever logs in to see what is wrong with the database must get in
        logger.warn({ err: error, action }, 'the audit log was not written'),
      );
    },
  };
}

function noSuch(what: string, id: string, list: string): SluiceError {
  return new SluiceError('not_found', `There is no ${what} ${id}.`, {
    advice: `See what there is on ${list}.`,
  });
}

/** @throws SluiceError `request_invalid` for what no page gave */
function placeOf(text: string): NotificationPlace {
  const [, at, id] = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)~([\w-]{1,100})$/.exec(text) ?? [];
  if (at === undefined || id === undefined || Number.isNaN(Date.parse(at)))
    throw new SluiceError('request_invalid', 'This page of notifications does not exist.');
  return { at, id };
}
