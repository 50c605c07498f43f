/**
 * Webhooks of the simulated Lucca: endpoints, the activation challenge, and an event for each edit.
 *
 * Documented (developers.lucca.fr, webhooks and webhook-endpoint): headers and signature, `echo`, the fields of endpoint and
 * event, the secret that is shown once, 3 seconds for an answer, five attempts over about a day, which statuses are
 * repeated and which suspend. Ours: the pauses between attempts, that a failed challenge is answered by 400, that the last
 * attempt suspends, and that plain http is taken for addresses of this machine.
 */

import { createHmac, randomBytes } from 'node:crypto';

import { createDeliveries } from '../deliveries.ts';
import type { Deliveries, Message } from '../deliveries.ts';
import { json } from '../http.ts';
import type { Answer, SandboxRequest } from '../http.ts';
import { readJsonObject } from '../json-body.ts';
import { createSecret } from '../token-issuer.ts';
import { problem } from './problems.ts';
import { definitions, RESOURCES } from './resources.ts';
import type { Edit } from './source.ts';

export interface Endpoint {
  readonly id: string;
  readonly name: string;
  readonly webhookUrl: string;
  readonly apiVersion: string;
  readonly topics: readonly string[];
  status: 'active' | 'suspended' | 'inactive';
  readonly secret: string;
  readonly createdAt: string;
  lastUpdatedAt: string;
}

export interface LuccaWebhooks {
  readonly deliveries: Deliveries;
  /** Endpoints as they are now. */
  endpoints(): readonly Endpoint[];
  /** What an operator of Lucca does by hand. */
  setStatus(id: string, status: Endpoint['status']): void;
  /** Tells every endpoint of an edit; `data` is the record as events show it. */
  onEdit(edit: Edit): void;
  /** Answers `/webhook-endpoints[/:id]`. */
  answer(request: SandboxRequest, id: string | undefined, headers: Record<string, string>): Promise<Answer>;
}

/** "5 attempts total over ~24 h"; the single pauses aren't documented. */
const PAUSES_MS = [60_000, 600_000, 3_600_000, 82_000_000];
const TIMEOUT_MS = 3_000;
const CHANGES = ['created', 'updated', 'deleted'] as const;
const TOPICS = new Set([
  ...RESOURCES.flatMap((resource) => CHANGES.map((change) => `${definitions[resource].type}.${change}`)),
  'test.created',
]);

export function createLuccaWebhooks(options: {
  readonly seed: number;
  /** URL of the account, which makes event ids unique */
  readonly source: string;
  readonly now: () => number;
}): LuccaWebhooks {
  const endpoints = new Map<string, Endpoint>();
  const byUrl = (url: string): Endpoint | undefined =>
    [...endpoints.values()].find(({ webhookUrl }) => webhookUrl === url);
  const iso = (): string => new Date(options.now()).toISOString();
  const suspend = (message: Message): void => {
    const endpoint = byUrl(message.url);
    if (endpoint !== undefined) Object.assign(endpoint, { status: 'suspended', lastUpdatedAt: iso() });
  };
  const deliveries = createDeliveries({
    seed: options.seed,
    pausesMs: PAUSES_MS,
    timeoutMs: TIMEOUT_MS,
    judge(status) {
      if (status !== null && status >= 200 && status < 300) return 'delivered';
      const repeated = status === null || status >= 500 || [400, 401, 429].includes(status);
      return repeated ? 'again' : 'over';
    },
    // 404 and 410 at once, others when they are exhausted
    onGivenUp: suspend,
  });
  let made = 0;
  let events = 0;

  function onEdit(edit: Edit): void {
    const topic = `${definitions[edit.resource].type}.${edit.change}`;
    const id = `evt-${options.seed}-${++events}`;
    for (const endpoint of endpoints.values()) {
      if (endpoint.status !== 'active' || !endpoint.topics.includes(topic)) continue;
      const { links: _links, ...data } = edit.row;
      const body = JSON.stringify({
        id,
        type: 'event',
        url: `${options.source}/lucca-api/events/${id}`,
        topic,
        occurredAt: edit.at,
        source: options.source,
        apiVersion: endpoint.apiVersion,
        businessEstablishment: null,
        data,
        ...(edit.previous === undefined ? {} : { previousAttributes: edit.previous }),
        links: {},
      });
      deliveries.send({
        id,
        url: endpoint.webhookUrl,
        body,
        headers: () => signed(endpoint.secret, new Date(options.now()), body),
      });
    }
  }

  async function create(request: SandboxRequest, headers: Record<string, string>): Promise<Answer> {
    const body = await readJsonObject(request.raw.request);
    const errors = body === undefined ? { body: ['must be a JSON object'] } : faultsOf(body);
    const refuse = (detail: string, found: Readonly<Record<string, readonly string[]>>): Answer =>
      problem(400, { instance: request.url.href, detail, errors: found, headers });
    if (body === undefined || Object.keys(errors).length > 0)
      return refuse('One or more fields are invalid.', errors);
    const webhookUrl = String(body['webhookUrl']);
    if (!(await passesChallenge(webhookUrl)))
      return refuse('The endpoint did not pass the activation challenge.', {
        webhookUrl: ['did not answer the challenge'],
      });
    const time = iso();
    const endpoint: Endpoint = {
      id: String(100_000 + ++made),
      name: String(body['name']),
      webhookUrl,
      apiVersion: String(body['apiVersion']),
      topics: body['topics'] as string[],
      status: (body['status'] ?? 'inactive') as Endpoint['status'],
      secret: createSecret(48),
      createdAt: time,
      lastUpdatedAt: time,
    };
    endpoints.set(endpoint.id, endpoint);
    // shown here and never again
    return json(201, { ...shown(endpoint), secret: endpoint.secret }, headers);
  }

  const shown = ({ secret: _secret, ...endpoint }: Endpoint): object => ({
    type: 'webhook-endpoint',
    url: `${options.source}/lucca-api/webhook-endpoints/${endpoint.id}`,
    ...endpoint,
    businessEstablishments: null,
    links: {},
  });

  return {
    deliveries,
    endpoints: () => [...endpoints.values()],
    setStatus(id, status) {
      const endpoint = endpoints.get(id);
      if (endpoint === undefined) throw new Error(`there is no webhook-endpoint '${id}'`);
      endpoint.status = status;
    },
    onEdit,
    async answer(request, id, headers) {
      const { method, url } = request;
      if (id === undefined) {
        if (method === 'POST') return create(request, headers);
        const items = [...endpoints.values()].map(shown);
        if (method === 'GET') return json(200, { type: 'webhook-endpoints', url: url.href, items }, headers);
        return notSupported(request, 'GET, POST', headers);
      }
      const endpoint = endpoints.get(id);
      if (endpoint === undefined) {
        const detail = 'The requested resource does not exist, was deleted, or you do not have access to it.';
        return problem(404, { instance: url.href, detail, headers });
      }
      if (method === 'GET') return json(200, shown(endpoint), headers);
      if (method !== 'DELETE') return notSupported(request, 'GET, DELETE', headers);
      endpoints.delete(id);
      return { status: 204, headers, body: '' };
    },
  };
}

function notSupported(request: SandboxRequest, allow: string, headers: Record<string, string>): Answer {
  const detail = `${request.method} is not supported on this path.`;
  return problem(405, { instance: request.url.href, detail, headers: { ...headers, allow } });
}

/** base64( HMAC-SHA256( secret, timestamp . body ) ), as the page "Validating events" shows it. */
function signed(secret: string, at: Date, body: string): Readonly<Record<string, string>> {
  const timestamp = at.toISOString().replace(/\.\d{3}Z$/, 'Z');
  const signature = createHmac('sha256', secret).update(`${timestamp}.${body}`, 'utf8').digest('base64');
  return {
    'content-type': 'application/json; charset=utf-8',
    'lucca-timestamp': timestamp,
    'lucca-signature': signature,
  };
}

async function passesChallenge(webhookUrl: string): Promise<boolean> {
  const echo = randomBytes(12).toString('hex');
  const url = new URL(webhookUrl);
  url.searchParams.set('echo', echo);
  try {
    const answer = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(TIMEOUT_MS) });
    const isText = answer.headers.get('content-type')?.startsWith('text/plain') === true;
    return answer.status === 200 && isText && (await answer.text()) === echo;
  } catch {
    return false;
  }
}

function faultsOf(body: Readonly<Record<string, unknown>>): Record<string, string[]> {
  const errors: Record<string, string[]> = {};
  const { name, webhookUrl, apiVersion, topics, status } = body;
  if (typeof name !== 'string' || name === '') errors['name'] = ['is required'];
  if (typeof webhookUrl !== 'string' || !isAddress(webhookUrl))
    errors['webhookUrl'] = ['must be an absolute https URL'];
  if (apiVersion !== '2024-11-01') errors['apiVersion'] = ['is no supported version'];
  if (!Array.isArray(topics) || topics.length === 0 || !topics.every((topic) => TOPICS.has(String(topic))))
    errors['topics'] = ['must be a list of topics'];
  if (status !== undefined && status !== 'active' && status !== 'inactive')
    errors['status'] = ['must be active or inactive'];
  return errors;
}

function isAddress(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname } = new URL(text);
  return protocol === 'https:' || (protocol === 'http:' && ['127.0.0.1', 'localhost'].includes(hostname));
}
