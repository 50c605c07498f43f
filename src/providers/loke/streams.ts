/**
 * LOKE's streams: the organizations that have installed the add-on, and what each of them has. Lists are bare arrays, and
 * the header `X-Next-Page` leads on; the guide's prose calls it a full URL, its newer sample takes a path as well.
 *
 * Customers and payments can be listed in the order of updates, newest first, so that a pass ends where it meets what it
 * knows; there is no parameter for a moment to begin at. A complete pass lists in the order of creation, which updates don't
 * change: otherwise a record that changes during the pass would move from a page that is still to come to one that was read,
 * and look as if it had been deleted. The documented payments carry no time of their update.
 */
import type { StreamDefinition } from '../contract.ts';
import * as schema from './schema.ts';

const docs = 'https://developers.loke.global/docs/api';

const common = {
  scopes: [],
  items: '',
  id: 'id',
  paging: { style: 'next-header', header: 'X-Next-Page' },
  changes: { detect: 'full' },
  evidence: 'documented',
} as const satisfies Partial<StreamDefinition>;

export const streams: readonly StreamDefinition[] = [
  {
    ...common,
    name: 'organizations',
    title: 'Organizations with the add-on',
    path: '/organizations',
    schema: schema.organization,
    docs: 'https://developers.loke.global/docs/guides/paging',
  },
  {
    ...common,
    name: 'locations',
    title: 'Locations',
    path: '/organizations/{parent}/locations',
    parent: 'organizations',
    schema: schema.location,
    docs: `${docs}/location`,
  },
  {
    ...common,
    name: 'customers',
    title: 'Customers',
    path: '/organizations/{parent}/customers',
    single: '/organizations/{parent}/customers/{id}',
    query: { sort: 'updated' },
    parent: 'organizations',
    changes: {
      detect: 'watermark',
      order: 'newest-first',
      field: 'updatedAt',
      completeQuery: { sort: 'created' },
    },
    version: 'updatedAt',
    schema: schema.customer,
    docs: `${docs}/customer`,
  },
  {
    ...common,
    name: 'payments',
    title: 'Payments',
    path: '/organizations/{parent}/payments',
    query: { sort: 'updated' },
    parent: 'organizations',
    changes: { detect: 'watermark', order: 'newest-first', completeQuery: { sort: 'created' } },
    schema: schema.payment,
    docs: `${docs}/payment`,
  },
];
