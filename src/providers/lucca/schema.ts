/**
 * Lucca's records, as the OpenAPI file "Lucca API reference 2024-11-01" describes them. Only the id is required,
 * every other field may be absent or null, and unknown fields are kept: a record is turned away where a documented
 * field has another type than documented, and for nothing else.
 */
import { z } from 'zod';

const id = z.union([z.string().min(1), z.number()]);
const text = z.string().nullish();
const flag = z.boolean().nullish();
const whole = z.number().int().nullish();
// said, not checked: a moment that can't be read is no reason to turn a record away
const instant = z.string().meta({ format: 'date-time' }).nullish();
const date = z.string().meta({ format: 'date' }).nullish();
/** A relation: the other resource's id, type and url. */
const reference = z.looseObject({ id }).nullish();
const coded = z.looseObject({ format: text, value: text }).nullish();

const resource = { id, type: text, url: text };
const dated = { createdAt: instant, lastUpdatedAt: instant };

export const employee = z.looseObject({
  ...resource,
  ...dated,
  remoteId: text,
  givenName: text,
  familyName: text,
  employeeNumber: text,
  status: text,
  email: text,
  phoneNumber: text,
  birthDay: z.looseObject({ day: whole, month: whole }).nullish(),
  portrait: z.looseObject({}).nullish(),
  applicableEmployment: reference,
  applicableJobPosition: reference,
});

export const department = z.looseObject({
  ...resource,
  name: text,
  description: text,
  remoteId: text,
  isArchived: flag,
  parent: reference,
  level: whole,
  manager: reference,
  sortOrder: whole,
});

export const legalEntity = z.looseObject({
  ...resource,
  ...dated,
  legalName: text,
  remoteId: text,
  isArchived: flag,
  countryCode: text,
  currencyCode: text,
  taxIdentificationNumber: coded,
  industryCode: coded,
  lastArchivedAt: instant,
});

export const businessEstablishment = z.looseObject({
  ...resource,
  ...dated,
  name: text,
  remoteId: text,
  isArchived: flag,
  legalEntity: reference,
  isHeadquarters: flag,
  taxIdentificationNumber: coded,
  industryCode: coded,
  address: z.looseObject({ addressLines: z.array(z.string()).nullish(), countryCode: text }).nullish(),
  timezoneId: text,
  lastArchivedAt: instant,
});

export const employment = z.looseObject({
  ...resource,
  ...dated,
  remoteId: text,
  employee: reference,
  legalEntity: reference,
  status: text,
  start: z.looseObject({ date }).nullish(),
  end: z.looseObject({ date }).nullish(),
  template: reference,
});

export const jobPosition = z.looseObject({
  ...resource,
  ...dated,
  remoteId: text,
  employment: reference,
  employee: reference,
  status: text,
  startsOn: date,
  endsOn: date,
  businessEstablishment: reference,
  jobTitle: text,
  jobQualification: reference,
  manager: reference,
  occupationCategory: reference,
  workingTimeArrangement: reference,
  department: reference,
  notes: text,
});

const duration = z.looseObject({ value: z.number().nullish(), iso: text, unit: text }).nullish();

export const leave = z.looseObject({
  ...resource,
  ...dated,
  startsOn: date,
  startPosition: text,
  endsOn: date,
  endPosition: text,
  employee: reference,
  leaveAccount: reference,
  days: z.array(z.looseObject({ date, range: text, duration })).nullish(),
  totalDuration: duration,
  status: text,
});

export const leaveRequest = z.looseObject({
  ...resource,
  ...dated,
  status: text,
  employee: reference,
  leaves: z.array(z.looseObject({ id })).nullish(),
  expectedApprover: reference,
});
