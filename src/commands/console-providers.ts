/** A provider as the console's pages show it. */
import type { ProviderDefinition } from '../providers/contract.ts';
import type { ProviderView } from '../web/console/contract.ts';
import { fields, pagingWords } from './providers.ts';

export function describeForConsole(provider: ProviderDefinition): ProviderView {
  const { id, title, description, docs, grants, tokenPolicy } = provider;
  return {
    id,
    title,
    description,
    docs,
    grants,
    tokenPolicy,
    schedule: provider.suggestedSchedule,
    settings: fields(provider.settings),
    credentials: fields(provider.credentials),
    limits: provider.limits.map(({ requests, perSeconds, keyedBy, evidence }) => ({
      requests,
      perSeconds,
      keyedBy,
      evidence,
    })),
    webhooks: provider.webhooks?.events ?? null,
    streams: provider.streams.map((stream) => ({
      name: stream.name,
      title: stream.title,
      path: stream.path,
      parent: stream.parent ?? null,
      scopes: stream.scopes,
      paging: pagingWords(stream.paging),
      changes: stream.changes.detect,
      evidence: stream.evidence,
    })),
  };
}
