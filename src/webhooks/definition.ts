/** The webhooks that a connection has: its provider's, or Standard Webhooks where it asks for them. */
import type { ProviderDefinition, Settings } from '../providers/contract.ts';
import type { WebhookDefinition } from '../providers/webhook-contract.ts';
import { standardSignature } from './standard.ts';

/** The part of a connection's configuration that decides. */
export interface WebhookConfiguration {
  readonly settings: Settings;
  readonly webhooks?: {
    readonly scheme?: 'provider' | 'standard-webhooks';
    readonly streams?: readonly string[];
  };
}

/** Undefined where the connection has none. */
export function definitionOf(
  provider: ProviderDefinition,
  { settings, webhooks }: WebhookConfiguration,
): WebhookDefinition | undefined {
  if (webhooks?.scheme === 'standard-webhooks') return standardDefinition(webhooks.streams ?? []);
  const own = provider.webhooks;
  return own?.available === undefined || own.available(settings) ? own : undefined;
}

/**
 * Messages of the user's own say that something changed; what they hold is nobody's word on a record of the provider,
 * so that they start syncs and change nothing themselves. No streams: all of the connection.
 */
function standardDefinition(streams: readonly string[]): WebhookDefinition {
  return {
    evidence: 'documented',
    docs: 'https://www.standardwebhooks.com',
    signature: standardSignature,
    identity: { id: ['header:webhook-id'], digestWindowMs: 0 },
    apply: 'payload',
    events: 'whatever you send: each message starts a sync',
    read(body) {
      const { type, timestamp } = (body ?? {}) as { readonly type?: unknown; readonly timestamp?: unknown };
      return {
        type: typeof type === 'string' ? type : null,
        occurredAt: typeof timestamp === 'string' ? timestamp : null,
        effect: { effect: 'sync', streams },
      };
    },
  };
}
