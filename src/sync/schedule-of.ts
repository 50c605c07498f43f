/** The schedule of a stored connection, read without its credentials. */
import type { ConnectionInput } from '../config/connection.ts';
import type { ProviderDefinition } from '../providers/contract.ts';
import { tickOffset, type Timetable } from './schedule.ts';

/** What the user wrote, else the provider's suggestion; `manual` for a provider that this version doesn't know. */
export function scheduleOf(
  row: { readonly id: string; readonly provider: string; readonly config: unknown },
  findProvider: (id: string) => ProviderDefinition | undefined,
): Timetable {
  const config = row.config as Pick<ConnectionInput, 'schedule' | 'timezone'>;
  const provider = findProvider(row.provider);
  return {
    schedule: config.schedule ?? provider?.suggestedSchedule ?? 'manual',
    timezone: config.timezone,
    offsetMs: tickOffset(row.id, provider?.jitterMs),
  };
}
