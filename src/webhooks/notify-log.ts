/** The log of notifications as the API shows it. */
import type { ErrorReport } from '../errors.ts';
import type { Db } from '../store/db.ts';
import {
  listNotifications,
  type NotificationPlace,
  type NotificationRow,
  type NotificationType,
} from '../store/notifications.ts';

/** Times are ISO 8601 in UTC. */
export interface NotificationView {
  /** the receiver sees it as `webhook-id` */
  readonly id: string;
  readonly type: NotificationType;
  readonly status: NotificationRow['status'];
  readonly createdAt: string;
  readonly attempts: number;
  readonly nextAttemptAt: string | null;
  readonly sentAt: string | null;
  /** what the receiver answered last; null where it never did */
  readonly lastStatus: number | null;
  readonly error: ErrorReport | null;
  /** what was told */
  readonly data: unknown;
}

/** Newest first, with the place after which the next page begins; undefined at the end. */
export async function notificationPage(
  db: Db,
  page: { readonly before: NotificationPlace | undefined; readonly limit: number },
): Promise<{ data: NotificationView[]; next: NotificationPlace | undefined }> {
  const rows = await listNotifications(db, page.limit + 1, page.before);
  const shown = rows.slice(0, page.limit);
  const last = rows.length > page.limit ? shown.at(-1) : undefined;
  return { data: shown.map(notificationView), next: last && { at: last.at, id: last.id } };
}

function notificationView(row: NotificationRow): NotificationView {
  return {
    id: row.id,
    type: row.type,
    status: row.status,
    createdAt: row.created_at.toISOString(),
    attempts: row.attempts,
    nextAttemptAt: row.next_attempt_at?.toISOString() ?? null,
    sentAt: row.sent_at?.toISOString() ?? null,
    lastStatus: row.last_status,
    error: row.error,
    data: (JSON.parse(row.body) as { readonly data: unknown }).data,
  };
}
