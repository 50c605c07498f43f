/**
 * Lucca's webhooks: signed with a time, at least once and unordered, with the whole record in the event.
 *
 * Sources: developers.lucca.fr documentation/webhooks (validate, spec-activate), api-reference event and
 * webhook-endpoint. Documented: headers, what is signed, five minutes, "unicity of {source} + {id}", the challenge.
 * Contradictory: the challenge's parameter is `echo` on the newer page and `challenge` on the older one, and
 * `previousAttributes` stands in the event by the schema and in `data` by the text. Both are taken.
 */
import { idText } from '../../exact-json.ts';
import type { StreamDefinition } from '../contract.ts';
import type { WebhookDefinition, WebhookEffect } from '../webhook-contract.ts';

/** `<resource_type>` of a topic, by stream. */
const resourceOf: Readonly<Record<string, string>> = {
  employees: 'employee',
  departments: 'department',
  'legal-entities': 'legal-entity',
  'business-establishments': 'business-establishment',
  employments: 'employment',
  'job-positions': 'job-position',
  leaves: 'leave',
  'leave-requests': 'leave-request',
};

const changes = ['created', 'updated', 'deleted'] as const;

export function webhooksOf(streams: readonly StreamDefinition[]): WebhookDefinition {
  const streamOf = new Map(
    streams.flatMap(({ name }) => {
      const resource = resourceOf[name];
      return resource === undefined ? [] : [[resource, name] as const];
    }),
  );
  return {
    evidence: 'documented',
    docs: 'https://developers.lucca.fr/documentation/webhooks',
    signature: {
      scheme: 'hmac-sha256',
      header: 'lucca-signature',
      encoding: 'base64',
      signs: [{ header: 'lucca-timestamp' }, { text: '.' }, 'body'],
      key: 'text',
      timestamp: { header: 'lucca-timestamp', format: 'iso-utc', toleranceMs: 5 * 60_000 },
    },
    echo: { parameters: ['echo', 'challenge'], maxLength: 500 },
    // An id is unique within its source only.
    identity: { id: ['source', 'id'], digestWindowMs: 0 },
    apply: 'payload',
    events: 'created, updated and deleted of each stream, with the record',
    read(body) {
      const event = objectOf(body);
      const topic = textOf(event?.topic);
      return { type: topic, occurredAt: textOf(event?.occurredAt), effect: effectOf(topic, event, streamOf) };
    },
    registration: {
      evidence: 'documented',
      scopes: ['webhook-endpoints.readwrite'],
      secret: 'returned',
      create: ({ url, name, streams: chosen }) => ({
        method: 'POST',
        path: '/webhook-endpoints',
        body: {
          name,
          webhookUrl: url,
          apiVersion: '2024-11-01',
          businessEstablishments: null,
          topics: chosen.flatMap((stream) => {
            const resource = resourceOf[stream];
            return resource === undefined ? [] : changes.map((change) => `${resource}.${change}`);
          }),
          status: 'active',
        },
      }),
      created: (body) => {
        const answer = objectOf(body);
        return { reference: textOf(answer?.id), secret: textOf(answer?.secret) };
      },
      remove: (_target, reference) => ({
        method: 'DELETE',
        path: `/webhook-endpoints/${encodeURIComponent(reference ?? '')}`,
      }),
      inspect: {
        request: (_target, reference) => ({
          method: 'GET',
          path: `/webhook-endpoints/${encodeURIComponent(reference ?? '')}`,
        }),
        read: (body) => {
          const answer = objectOf(body);
          const { status } = answer ?? {};
          return {
            state: status === 'active' || status === 'suspended' ? status : 'inactive',
            url: textOf(answer?.webhookUrl),
          };
        },
      },
      list: {
        request: { method: 'GET', path: '/webhook-endpoints', query: { include: 'links', limit: '100' } },
        read: (body) => {
          const items = objectOf(body)?.items;
          return (Array.isArray(items) ? items : []).flatMap((item: unknown) => {
            const endpoint = objectOf(item);
            const [reference, name, url] = [endpoint?.id, endpoint?.name, endpoint?.webhookUrl].map(textOf);
            return reference && name && url ? [{ reference, name, url }] : [];
          });
        },
      },
    },
  };
}

function effectOf(
  topic: string | null,
  event: Readonly<Record<string, unknown>> | undefined,
  streamOf: ReadonlyMap<string, string>,
): WebhookEffect {
  const [, resource = '', change = ''] = /^([a-z-]+)\.(created|updated|deleted)$/.exec(topic ?? '') ?? [];
  const stream = streamOf.get(resource);
  if (stream === undefined)
    return { effect: 'none', reason: `nothing is mirrored for ${topic ?? 'no topic'}` };
  const data = objectOf(event?.data);
  if (data === undefined) return { effect: 'none', reason: 'the event has no data' };
  if (change === 'deleted') {
    const id = idText(data.id);
    return id === undefined
      ? { effect: 'none', reason: 'the deleted record has no id that can be read' }
      : { effect: 'delete', stream, id };
  }
  const { previousAttributes: _previous, ...record } = data;
  return { effect: 'upsert', stream, record };
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}
