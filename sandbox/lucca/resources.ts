/**
 * The resources that the simulated Lucca offers, with what the reference of API version 2024-11-01 says of each:
 * filters, sorts, embedded resources. https://developers.lucca.fr/api-reference
 */

export const RESOURCES = [
  'employees',
  'departments',
  'legal-entities',
  'business-establishments',
  'employments',
  'job-positions',
  'leaves',
  'leave-requests',
] as const;

export type Resource = (typeof RESOURCES)[number];

/**
 * `list`: equality with one of a comma-separated list, where `null` means no value; `between`: a date range, end
 * included; `between-times`: a date-time range, end excluded; `boolean`; `search`: part of one of the fields;
 * `starts`: the beginning of a word of one of the fields; `unsimulated`: documented, but it needs a resource that isn't
 * simulated, so that the answer is 501 and not a wrong one.
 */
export type Filter =
  | { readonly kind: 'list' | 'between' | 'between-times' | 'boolean'; readonly path?: string }
  | { readonly kind: 'search' | 'starts'; readonly fields: readonly string[] }
  | { readonly kind: 'unsimulated' };

export interface ResourceDefinition {
  /** `type` of one record */
  readonly type: string;
  readonly filters: Readonly<Record<string, Filter>>;
  /** fields to sort by, besides `id` */
  readonly sorts: readonly string[];
  /** reference fields whose targets `include=embedded` brings along */
  readonly embeds: readonly string[];
}

const list: Filter = { kind: 'list' };
const boolean: Filter = { kind: 'boolean' };
const between = (path: string): Filter => ({ kind: 'between', path });
const unsimulated: Filter = { kind: 'unsimulated' };

export const definitions: Readonly<Record<Resource, ResourceDefinition>> = {
  employees: {
    type: 'employee',
    filters: {
      id: list,
      email: list,
      status: list,
      search: { kind: 'starts', fields: ['givenName', 'familyName'] },
      'applicableEmployment.legalEntity.id': list,
      'applicableEmployment.remoteId': list,
      'applicableEmployment.startsOn': { kind: 'list', path: 'applicableEmployment.start.date' },
      'applicableEmployment.startsOn.between': between('applicableEmployment.start.date'),
      'applicableEmployment.endsOn': { kind: 'list', path: 'applicableEmployment.end.date' },
      'applicableEmployment.endsOn.between': between('applicableEmployment.end.date'),
      'applicableEmployment.template.id': list,
      'applicableEmployment.template.term': unsimulated,
      'applicableJobPosition.remoteId': list,
      'applicableJobPosition.businessEstablishment.id': list,
      'applicableJobPosition.department.id': list,
      'applicableJobPosition.manager.id': list,
      'applicableJobPosition.jobQualification.id': list,
      'applicableJobPosition.jobQualification.remoteId': unsimulated,
      'applicableJobPosition.occupationCategory.id': list,
      'applicableJobPosition.occupationCategory.remoteId': unsimulated,
    },
    sorts: ['familyName', 'createdAt'],
    embeds: ['applicableEmployment', 'applicableJobPosition'],
  },
  departments: {
    type: 'department',
    filters: { search: { kind: 'search', fields: ['name', 'remoteId'] }, isArchived: boolean },
    sorts: [],
    embeds: [],
  },
  'legal-entities': {
    type: 'legal-entity',
    filters: { countryCode: list, isArchived: boolean },
    sorts: [],
    embeds: [],
  },
  'business-establishments': {
    type: 'business-establishment',
    filters: {
      'legalEntity.id': list,
      search: { kind: 'search', fields: ['name', 'remoteId'] },
      isArchived: boolean,
    },
    sorts: [],
    embeds: ['legalEntity'],
  },
  employments: {
    type: 'employment',
    filters: {
      id: list,
      remoteId: list,
      'employee.id': list,
      'legalEntity.id': list,
      'template.id': list,
      status: list,
      'start.date': list,
      'start.date.between': between('start.date'),
      'end.date': list,
      'end.date.between': between('end.date'),
    },
    sorts: ['start.date', 'end.date'],
    embeds: ['employee'],
  },
  'job-positions': {
    type: 'job-position',
    filters: {
      id: list,
      remoteId: list,
      'employment.id': list,
      'businessEstablishment.id': list,
      status: list,
      startsOn: list,
      'startsOn.between': between('startsOn'),
      endsOn: list,
      'endsOn.between': between('endsOn'),
      'jobQualification.id': list,
      'occupationCategory.id': list,
      'manager.id': list,
      'department.id': list,
      updatedAttributes: list,
    },
    sorts: ['startsOn', 'endsOn'],
    embeds: ['department', 'employee', 'employment'],
  },
  // the reference that we have lists no parameters for leaves: these are the ones of the guide's examples
  leaves: {
    type: 'leave',
    filters: {
      'employee.id': list,
      status: list,
      startsOn: list,
      'startsOn.between': between('startsOn'),
      'createdAt.between': { kind: 'between-times', path: 'createdAt' },
    },
    sorts: [],
    embeds: ['leaveAccount'],
  },
  'leave-requests': {
    type: 'leave-request',
    filters: {},
    sorts: [],
    embeds: ['employee', 'expectedApprover'],
  },
};

/** The resource that a reference of some `type` points to; undefined for types that aren't simulated. */
export function resourceOfType(type: string): Resource | undefined {
  return RESOURCES.find((resource) => definitions[resource].type === type);
}

export function isResource(name: string): name is Resource {
  return (RESOURCES as readonly string[]).includes(name);
}
