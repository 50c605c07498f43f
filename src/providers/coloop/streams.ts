/**
 * CoLoop's streams. Lists have neither pages nor filters, so that every pass reads everything and compares content. The paths
 * of lists end in a slash. There is no way to read transcripts.
 */
import type { StreamDefinition } from '../contract.ts';
import * as schema from './schema.ts';

const common = {
  scopes: [],
  items: 'items',
  paging: { style: 'none' },
  changes: { detect: 'full' },
  evidence: 'documented',
  docs: 'https://api.coloop.ai/docs',
} as const satisfies Partial<StreamDefinition>;

export const streams: readonly StreamDefinition[] = [
  {
    ...common,
    name: 'organizations',
    title: 'Organizations of the account',
    path: '/organizations/',
    id: 'id',
    version: 'updatedAt',
    schema: schema.organization,
  },
  {
    ...common,
    name: 'members',
    title: 'Members of an organization',
    path: '/organizations/{parent}/members/',
    parent: 'organizations',
    // The id is the user's: whoever is in two organizations is a member twice.
    id: ['{parent}', 'id'],
    version: 'updatedAt',
    schema: schema.member,
  },
  {
    ...common,
    name: 'projects',
    title: 'Projects',
    path: '/organizations/{parent}/projects/',
    parent: 'organizations',
    // the second one stands in an older guide
    items: ['items', 'projects'],
    id: 'id',
    version: 'updatedAt',
    schema: schema.project,
  },
  {
    ...common,
    name: 'memberships',
    title: 'Memberships of a project',
    path: '/organizations/{grandparent}/projects/{parent}/memberships/',
    parent: 'projects',
    id: ['projectId', 'userId'],
    schema: schema.membership,
  },
];
