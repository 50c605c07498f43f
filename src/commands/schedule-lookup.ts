/** The schedule of a stored connection, by the providers that this version knows. */
import { findProvider } from '../providers/registry.ts';
import type { ScheduleOf } from '../sync/connection-view.ts';
import { scheduleOf } from '../sync/schedule-of.ts';

export const storedSchedule: ScheduleOf = (row) => scheduleOf(row, findProvider);
