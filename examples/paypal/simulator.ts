/**
 * A simulated PayPal, as strict as its description: Basic at the token endpoint, pages counted from 1, a page size within the
 * documented bounds, no parameter that isn't documented. Source: openapi/*.json of github.com/paypal/paypal-rest-api-specifications.
 */
import { randomBytes } from 'node:crypto';
import { Collection, type Fields } from '../../sandbox/collection.ts';
import { createFaultBox } from '../../sandbox/faults.ts';
import { readBasic, readForm } from '../../sandbox/form.ts';
import { json, listen, type Answer, type SandboxRequest } from '../../sandbox/http.ts';
import { ulids } from '../../sandbox/ids.ts';
import { createRequestLog } from '../../sandbox/requests.ts';
import { createSource } from '../../sandbox/source.ts';

const TOKEN_PATH = '/v1/oauth2/token';
const LIFETIME_SECONDS = 32_400;
const SCOPE =
  'https://uri.paypal.com/services/subscriptions https://uri.paypal.com/services/invoicing/invoices/read';

interface List {
  readonly path: string;
  /** of the array in an answer */
  readonly items: string;
  readonly largest: number;
  readonly make: (id: string, index: number) => Fields;
}

const at = (index: number): string => new Date(Date.UTC(2025, 0, 1 + index)).toISOString();
const links = (path: string, id: string): unknown[] => [
  { href: `https://api-m.paypal.com${path}/${id}`, rel: 'self', method: 'GET' },
];

const lists: Readonly<Record<string, List>> = {
  products: {
    path: '/v1/catalogs/products',
    items: 'products',
    largest: 20,
    make: (id, index) => ({ id, name: `Product ${index}`, description: 'A thing', create_time: at(index) }),
  },
  plans: {
    path: '/v1/billing/plans',
    items: 'plans',
    largest: 20,
    make: (id, index) => ({
      id,
      product_id: `PROD-${index}`,
      name: `Plan ${index}`,
      status: 'ACTIVE',
      billing_cycles: [{ tenure_type: 'REGULAR', sequence: 1, total_cycles: 12 }],
      create_time: at(index),
      update_time: at(index + 1),
    }),
  },
  invoices: {
    path: '/v2/invoicing/invoices',
    items: 'items',
    largest: 100,
    make: (id, index) => ({
      id,
      status: 'DRAFT',
      detail: { invoice_number: String(index), invoice_date: '2025-06-30', currency_code: 'EUR' },
      amount: { currency_code: 'EUR', value: `${index}.00` },
    }),
  },
};

/** @param size records of each list */
export async function startPayPal(size: number) {
  const collections = Object.fromEntries(
    Object.entries(lists).map(([name, { make }], place) => {
      const ids = ulids(7, place);
      const generate = (index: number): Fields => make(ids.at(index), index);
      return [name, new Collection({ count: size, ids, generate })];
    }),
  );
  const source = createSource({
    resources: Object.keys(lists),
    seed: 7,
    collections: (resource) => [collections[resource] as Collection],
    stamp: (_resource, fields, time) => ('update_time' in fields ? { ...fields, update_time: time } : fields),
    revise: (resource, _fields, edits) =>
      resource === 'invoices'
        ? { status: edits % 2 === 0 ? 'SENT' : 'PAID' }
        : { description: `Edit ${edits}` },
  });
  const credentials = { clientId: 'paypal-sandbox', clientSecret: 'paypal~secret-+%25/=' };
  const tokens = new Set<string>();

  async function token({ method, headers, raw }: SandboxRequest): Promise<Answer> {
    if (method !== 'POST') return json(405, { error: 'invalid_request' });
    const basic = readBasic(headers.authorization, 'raw');
    if (basic?.id !== credentials.clientId || basic.secret !== credentials.clientSecret)
      return json(401, { error: 'invalid_client', error_description: 'Client Authentication failed' });
    const form = await readForm(raw.request);
    if (form?.get('grant_type') !== 'client_credentials')
      return json(400, { error: 'unsupported_grant_type' });
    const access_token = `A21AA${randomBytes(24).toString('base64url')}`;
    tokens.add(access_token);
    return json(200, {
      scope: SCOPE,
      access_token,
      token_type: 'Bearer',
      app_id: 'APP-1',
      expires_in: LIFETIME_SECONDS,
    });
  }

  function page({ method, url, headers }: SandboxRequest): Answer {
    const bearer = /^Bearer (\S+)$/.exec(headers.authorization ?? '')?.[1];
    if (bearer === undefined || !tokens.has(bearer)) return problem(401, 'AUTHENTICATION_FAILURE');
    const found = Object.entries(lists).find(([, { path }]) => path === url.pathname);
    if (found === undefined || method !== 'GET') return problem(404, 'RESOURCE_NOT_FOUND');
    const [name, { path, items, largest }] = found;
    const unknown = [...url.searchParams.keys()].filter((key) => !['page', 'page_size'].includes(key));
    const number = Number(url.searchParams.get('page') ?? 1);
    const length = Number(url.searchParams.get('page_size') ?? 10);
    const isGood = Number.isInteger(number) && number >= 1 && Number.isInteger(length) && length >= 1;
    if (unknown.length > 0 || !isGood || length > largest) return problem(400, 'INVALID_REQUEST');
    const rows = source.list(name).slice((number - 1) * length, number * length);
    return json(200, { [items]: rows.map((row) => ({ ...row, links: links(path, row.id) })), links: [] });
  }

  const faults = createFaultBox();
  const requests = createRequestLog();
  const listener = await listen({
    port: 0,
    handle: (request) => (request.url.pathname === TOKEN_PATH ? token(request) : page(request)),
    isTokenPath: (path) => path === TOKEN_PATH,
    faults,
    requests,
    page: {
      items: (body) => Object.values(body as object).find((value) => Array.isArray(value)) as unknown[],
      setNext: () => undefined,
    },
  });
  return {
    source,
    faults,
    requests,
    credentials,
    urls: { token: `${listener.origin}${TOKEN_PATH}`, api: listener.origin },
    close: () => listener.close(),
  };
}

function problem(status: number, name: string): Answer {
  return json(status, { name, message: 'of the simulator', debug_id: '1', details: [], links: [] });
}
