/**
 * Makes the records of the simulated Lucca from their position: fields and types as in the OpenAPI description of API
 * version 2024-11-01. References resolve, and agree with each other, as long as no edit has removed their target.
 */

import { createDraw, digits, mix } from '../random.ts';
import type { Row } from '../table.ts';
import { makeLeave, makeLeaveRequest } from './leaves.ts';
import { DEPARTMENTS, FAMILY_NAMES, GIVEN_NAMES, JOB_TITLES, LEGAL_NAMES, PLACES, STREETS } from './names.ts';
import { definitions } from './resources.ts';
import type { Resource } from './resources.ts';
import { day, ref, reference, spread, stamps, unspread } from './world.ts';
import type { World } from './world.ts';

/** What an address may hold of each name; worked out once, it is the slowest part of a record otherwise. */
const plainNames: ReadonlyMap<string, string> = new Map(
  [...GIVEN_NAMES, ...FAMILY_NAMES].map((name) => [
    name,
    name
      .normalize('NFD')
      .replaceAll(/[^A-Za-z-]/g, '')
      .toLowerCase(),
  ]),
);

type Status = 'active' | 'upcoming' | 'deactivated';

/** The employment that `applicableEmployment` of an employee points to: the second one where there are two. */
function applicableEmployment(world: World, employee: number): number {
  const { employees, employments } = world.counts;
  const second = unspread(employee, employments - employees, employees);
  return second === undefined ? employee : employees + second;
}

function statusOf(world: World, employee: number): Status {
  const roll = mix(world.seed, 11, employee) % 100;
  return roll < 80 ? 'active' : roll < 83 ? 'upcoming' : 'deactivated';
}

/** First and last day (as offsets) and status of an employment; its employee. */
function period(world: World, employment: number) {
  const { employees, employments } = world.counts;
  const isSecond = employment >= employees;
  let employee = isSecond ? spread(employment - employees, employments - employees, employees) : employment;
  if (employment >= employments) employee = mix(world.seed, 15, employment) % Math.max(1, employees);
  const draw = createDraw(world.seed, 12, employee);
  const first = draw.int(3000);
  const firstEnd = first + 200 + draw.int(900);
  const second = firstEnd + 1 + draw.int(60);
  const length = 300 + draw.int(600);
  if (!isSecond && applicableEmployment(world, employee) !== employment) {
    return { employee, start: first, end: firstEnd, status: 'deactivated' as Status };
  }
  const status = statusOf(world, employee);
  const start = status === 'upcoming' ? 9000 + draw.int(300) : isSecond ? second : first;
  return { employee, start, end: status === 'deactivated' ? start + length : null, status };
}

const establishmentOf = (world: World, employment: number): number =>
  mix(world.seed, 13, employment) % Math.max(1, world.counts['business-establishments']);
const entityOf = (world: World, establishment: number): number =>
  establishment % Math.max(1, world.counts['legal-entities']);
const headOf = (world: World, department: number): number =>
  mix(world.seed, 14, department) % Math.max(1, world.counts.employees);

function employee(world: World, index: number): Record<string, unknown> {
  const draw = createDraw(world.seed, 1, index);
  const givenName = draw.pick(GIVEN_NAMES);
  const familyName = draw.pick(FAMILY_NAMES);
  const id = world.idAt('employees', index);
  const portrait = draw.chance(0.4) ? reference(world, 'portrait', 'portraits', `66${id}`) : null;
  const employment = applicableEmployment(world, index);
  const { employments, 'job-positions': positions } = world.counts;
  const later = unspread(employment, positions - employments, employments);
  // one who came by an edit has no employment of the start's: both fields are left out, as the schema allows
  const known = index < world.counts.employees;
  const applicable = known ? ref(world, 'employments', employment) : null;
  const position = known
    ? ref(world, 'job-positions', later === undefined ? employment : employments + later)
    : null;
  return {
    remoteId: draw.chance(0.8) ? `M${String(index + 1).padStart(7, '0')}` : null,
    portrait,
    givenName,
    familyName,
    employeeNumber: `E${String(index + 1).padStart(6, '0')}`,
    status: statusOf(world, index),
    email: draw.chance(0.97)
      ? `${plainNames.get(givenName)}.${plainNames.get(familyName)}${index + 1}@acme.example`
      : null,
    birthDay: draw.chance(0.9) ? { day: 1 + draw.int(28), month: 1 + draw.int(12) } : null,
    phoneNumber: draw.chance(0.7) ? `+${draw.pick(['331', '332', '412', '413'])}${digits(draw, 8)}` : null,
    ...(applicable === null ? {} : { applicableEmployment: applicable }),
    ...(position === null ? {} : { applicableJobPosition: position }),
    ...stamps(world, 1, index),
    links: {
      employments: { href: `${world.base}/employments?employee.id=${id}` },
      jobPositions: { href: `${world.base}/job-positions?employment.employee.id=${id}` },
      personalRecord: { href: `${world.base}/employee-personal-records?employee.id=${id}` },
      portrait:
        portrait === null ? null : { href: `${world.base}/files/66${id}?token=${mix(world.seed, index)}` },
    },
  };
}

/** A department of the reference has neither `createdAt` nor `lastUpdatedAt`. */
function department(world: World, index: number): Record<string, unknown> {
  const parent = index === 0 ? null : Math.floor((index - 1) / 4);
  let level = 1;
  for (let at = index; at > 0; at = Math.floor((at - 1) / 4)) level++;
  const round = Math.floor(index / DEPARTMENTS.length);
  const name = DEPARTMENTS[index % DEPARTMENTS.length] as string;
  const id = world.idAt('departments', index);
  return {
    name: round === 0 ? name : `${name} ${round + 1}`,
    description: index % 5 === 0 ? `Équipe « ${name} »` : null,
    remoteId: index % 3 === 0 ? null : `D-${index}`,
    isArchived: index % 19 === 18,
    parent: parent === null ? null : ref(world, 'departments', parent),
    level,
    manager: ref(world, 'employees', headOf(world, index)),
    sortOrder: index === 0 ? 0 : (index - 1) % 4,
    links: { activeEmployees: { href: `${world.base}/employees?applicableJobPosition.department.id=${id}` } },
  };
}

function legalEntity(world: World, index: number): Record<string, unknown> {
  const draw = createDraw(world.seed, 3, index);
  const swiss = index % 2 === 0;
  const round = Math.floor(index / LEGAL_NAMES.length);
  const id = world.idAt('legal-entities', index);
  return {
    legalName: `${LEGAL_NAMES[index % LEGAL_NAMES.length]}${round === 0 ? '' : ` ${round + 1}`}`,
    remoteId: `LE:${index + 1}`,
    isArchived: false,
    countryCode: swiss ? 'CHE' : 'FRA',
    currencyCode: swiss ? 'CHF' : 'EUR',
    taxIdentificationNumber: {
      format: swiss ? 'other' : 'franceSIREN',
      value: swiss ? `CHE-${digits(draw, 9)}` : digits(draw, 9),
    },
    industryCode: swiss ? null : { format: 'franceAPE', value: '7022Z' },
    ...stamps(world, 3, index),
    lastArchivedAt: null,
    links: { businessEstablishments: { href: `${world.base}/business-establishments?legalEntity.id=${id}` } },
  };
}

function establishment(world: World, index: number): Record<string, unknown> {
  const draw = createDraw(world.seed, 4, index);
  const entity = entityOf(world, index);
  const country = entity % 2 === 0 ? 'CHE' : 'FRA';
  const place = draw.pick(PLACES.filter((one) => one.country === country));
  return {
    name: `${place.locality} ${index + 1}`,
    remoteId: String(index + 1).padStart(5, '0'),
    isArchived: false,
    legalEntity: ref(world, 'legal-entities', entity),
    isHeadquarters: index < world.counts['legal-entities'],
    taxIdentificationNumber: country === 'FRA' ? { format: 'franceSIRET', value: digits(draw, 14) } : null,
    industryCode: null,
    address: {
      addressLines: [`${1 + draw.int(180)} ${draw.pick(STREETS)}`],
      postalCode: place.postalCode,
      locality: place.locality,
      administrativeArea: place.area,
      countryCode: country,
    },
    timezoneId: place.zone,
    lastArchivedAt: null,
    ...stamps(world, 4, index),
    links: {},
  };
}

function employment(world: World, index: number): Record<string, unknown> {
  const { employee: holder, start, end, status } = period(world, index);
  const id = world.idAt('employments', index);
  return {
    remoteId: index % 4 === 0 ? null : `EMPLOYMENT#${index + 1}`,
    employee: ref(world, 'employees', holder),
    legalEntity: ref(world, 'legal-entities', entityOf(world, establishmentOf(world, index))),
    status,
    start: { date: day(start) },
    end: end === null ? null : { date: day(end) },
    document: index % 7 === 0 ? reference(world, 'file', 'files', `74${index}`) : null,
    template: reference(world, 'employment-template', 'employment-templates', String(1 + (index % 6))),
    ...stamps(world, 5, index),
    links: {
      document: index % 7 === 0 ? { href: `${world.base}/files/74${index}` } : null,
      jobPositions: { href: `${world.base}/job-positions?employment.id=${id}` },
      probationaryPeriods: { href: `${world.base}/probationary-periods?employment.id=${id}` },
    },
  };
}

function jobPosition(world: World, index: number): Record<string, unknown> {
  const draw = createDraw(world.seed, 6, index);
  const { employments, 'job-positions': positions } = world.counts;
  const isLater = index >= employments;
  let holder = isLater ? spread(index - employments, positions - employments, employments) : index;
  if (index >= positions) holder = mix(world.seed, 16, index) % Math.max(1, employments);
  const { employee: person, start, end, status } = period(world, holder);
  const replaced = !isLater && unspread(holder, positions - employments, employments) !== undefined;
  const unit = draw.int(Math.max(1, world.counts.departments));
  const manager = headOf(world, unit);
  const title = draw.pick(JOB_TITLES);
  return {
    remoteId: null,
    employment: ref(world, 'employments', holder),
    employee: ref(world, 'employees', person),
    status: replaced ? 'deactivated' : status,
    startsOn: day(isLater ? start + 180 : start),
    endsOn: replaced ? day(start + 179) : end === null ? null : day(end),
    businessEstablishment: ref(world, 'business-establishments', establishmentOf(world, holder)),
    jobTitle: title,
    jobQualification: reference(world, 'job-qualification', 'job-qualifications', String(1 + draw.int(40))),
    manager: manager === person ? null : ref(world, 'employees', manager),
    occupationCategory: draw.chance(0.5)
      ? reference(world, 'occupation-category', 'occupation-categories', String(1 + draw.int(8)))
      : null,
    workingTimeArrangement: null,
    department: ref(world, 'departments', unit),
    document: null,
    notes: null,
    t9n: { jobTitle: { 'fr-FR': title } },
    updatedAttributes: isLater ? ['jobTitle'] : [],
    ...stamps(world, 6, index),
    links: {},
  };
}

const makers: Readonly<Record<Resource, (world: World, index: number) => Record<string, unknown>>> = {
  employees: employee,
  departments: department,
  'legal-entities': legalEntity,
  'business-establishments': establishment,
  employments: employment,
  'job-positions': jobPosition,
  leaves: makeLeave,
  'leave-requests': makeLeaveRequest,
};

/** One record as the API returns it with `include=links`. */
export function makeRecord(world: World, resource: Resource, index: number, id: string): Row {
  const url = `${world.base}/${resource}/${id}`;
  return { id, type: definitions[resource].type, url, ...makers[resource](world, index) };
}
