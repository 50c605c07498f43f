/**
 * Lucca's streams. All lists of this API share one shape: `{ type, url, items, totalCount?, links? }`, a cursor in
 * `page`, at most 100 a page, and `links` only when `include=links` asks for it: without that a client sees the
 * first page and nothing tells that there is more.
 *
 * No list can be filtered by its last update, so every pass reads everything and compares content.
 */
import type { z } from 'zod';
import type { StreamDefinition } from '../contract.ts';
import * as schema from './schema.ts';

function stream(
  name: string,
  title: string,
  record: z.ZodType,
  options: { version?: string } = {},
): StreamDefinition {
  return {
    name,
    title,
    path: `/${name}`,
    query: { include: 'links,totalCount' },
    scopes: [`${name}.readonly`],
    items: 'items',
    id: 'id',
    paging: { style: 'next-link', at: 'links.next.href', sizeParam: 'limit', pageSize: 100 },
    changes: { detect: 'full' },
    single: `/${name}/{id}`,
    // The API adds them to a record only where `include=links` asks for it, which paging needs; an event may lack them.
    omit: ['links'],
    ...options,
    schema: record,
    evidence: 'documented',
    docs: `https://developers.luccasoftware.com/api-reference/2024-11-01/${name}`,
  };
}

/** Where the record says itself when it was updated, an older copy never replaces a newer one. */
const dated = { version: 'lastUpdatedAt' };

export const streams: readonly StreamDefinition[] = [
  stream('employees', 'Employees', schema.employee, dated),
  stream('departments', 'Departments', schema.department),
  stream('legal-entities', 'Legal entities', schema.legalEntity, dated),
  stream('business-establishments', 'Business establishments', schema.businessEstablishment, dated),
  stream('employments', 'Employments', schema.employment, dated),
  stream('job-positions', 'Job positions', schema.jobPosition, dated),
  // The published OpenAPI file has the schemas of these two, but not their paths: those are from the guides.
  stream('leaves', 'Leaves', schema.leave, dated),
  stream('leave-requests', 'Leave requests', schema.leaveRequest, dated),
];
