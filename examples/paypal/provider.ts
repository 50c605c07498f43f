/** PayPal, seen from a merchant: its product catalogue, its billing plans, its invoices. The example of docs/adding-a-provider.md. */
import { z } from 'zod';
import { defineProvider, type StreamDefinition } from '../../src/providers/contract.ts';

const id = z.string().min(1);
const text = z.string().nullish();
const instant = z.string().meta({ format: 'date-time' }).nullish();
const object = z.looseObject({}).nullish();

const product = z.looseObject({ id, name: text, description: text, create_time: instant });

const plan = z.looseObject({
  id,
  product_id: text,
  name: text,
  status: text,
  description: text,
  create_time: instant,
  update_time: instant,
});

const invoice = z.looseObject({ id, status: text, detail: object, amount: object, due_amount: object });

/** A list in pages that are counted from 1; `items` names its array, `most` is the largest page. */
function list(path: string, items: string, most: number, schema: z.ZodType): StreamDefinition {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return {
    name,
    title: `${name.charAt(0).toUpperCase()}${name.slice(1)}`,
    path,
    scopes: [],
    items,
    id: 'id',
    paging: { style: 'page', pageParam: 'page', sizeParam: 'page_size', pageSize: most },
    changes: { detect: 'full' },
    omit: ['links'],
    schema,
    evidence: 'documented',
    docs: 'https://github.com/paypal/paypal-rest-api-specifications',
  };
}

const hosts = { sandbox: 'https://api-m.sandbox.paypal.com', live: 'https://api-m.paypal.com' } as const;

export const paypal = defineProvider({
  id: 'paypal',
  title: 'PayPal',
  description: 'payments: products, billing plans, invoices of a merchant',
  docs: 'https://developer.paypal.com/api/rest/',
  grants: ['client'],
  tokenPolicy: 'reuse',
  clientAuth: 'basic',
  basicEncoding: 'raw',
  baseScopes: [],
  defaultTokenLifetime: 3600,
  settings: z.strictObject({
    environment: z.enum(['sandbox', 'live']).describe('sandbox or live; each has its own credentials'),
  }),
  credentials: z.strictObject({ clientId: id.describe('client id'), clientSecret: id.describe('secret') }),
  endpoints: ({ environment }) => {
    const api = hosts[environment === 'live' ? 'live' : 'sandbox'];
    return { token: `${api}/v1/oauth2/token`, api };
  },
  headers: () => ({ Accept: 'application/json', Prefer: 'return=representation' }),
  limits: [],
  suggestedSchedule: 'every 1h',
  streams: [
    list('/v1/catalogs/products', 'products', 20, product),
    list('/v1/billing/plans', 'plans', 20, plan),
    list('/v2/invoicing/invoices', 'items', 100, invoice),
  ],
  check: () => ({ path: '/v1/catalogs/products', query: { page_size: '1' } }),
  explainForbidden: () => 'the application lacks this feature; it is switched on in the developer dashboard',
});
