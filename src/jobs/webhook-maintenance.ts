/** What webhooks, and the logs of what was told and done, need to have done every now and then. */
import { forgetAudit } from '../store/audit.ts';
import { forgetNotifications } from '../store/notifications.ts';
import { applyEventRetention } from '../webhooks/retention.ts';
import { removeEndpoints } from '../webhooks/remove.ts';
import { tendWebhooks } from '../webhooks/tend.ts';
import type { MaintenanceTask } from './maintenance-job.ts';

/** The log of notifications goes back this far, in milliseconds. */
const NOTIFICATIONS_MS = 30 * 86_400_000;
/** The audit log, in milliseconds: a year, so that a yearly review finds all of it. */
const AUDIT_MS = 366 * 86_400_000;

export const webhookTasks: readonly MaintenanceTask[] = [
  {
    name: 'webhook-retention',
    every: 3_600_000,
    async run({ db, now, shutdown }) {
      await applyEventRetention({ db, now, signal: shutdown });
      await forgetNotifications(db, new Date(now() - NOTIFICATIONS_MS), shutdown);
      await forgetAudit(db, new Date(now() - AUDIT_MS), shutdown);
    },
  },
  { name: 'webhook-removals', every: 300_000, run: (context) => removeEndpoints(context.registration) },
  { name: 'webhook-endpoints', every: 3_600_000, run: (context) => tendWebhooks(context.registration) },
];
