/**
 * CoLoop's records, as the OpenAPI description "CoLoop API" 1.0.0 has them. Only what identifies a record is required, every
 * other field may be absent or null, and unknown fields are kept.
 */
import { z } from 'zod';

const id = z.string().min(1);
const text = z.string().nullish();
// said, not checked: a moment that can't be read is no reason to turn a record away
const instant = z.string().meta({ format: 'date-time' }).nullish();

export const organization = z.looseObject({
  id,
  name: text,
  createdAt: instant,
  updatedAt: instant,
  role: text,
});

export const member = z.looseObject({ id, email: text, createdAt: instant, updatedAt: instant });

export const project = z.looseObject({
  id,
  name: text,
  description: text,
  createdAt: instant,
  updatedAt: instant,
  ownerId: text,
  organizationId: text,
});

export const membership = z.looseObject({
  projectId: id,
  userId: id,
  role: text,
  createdAt: instant,
  user: z.looseObject({ id: text, email: text }).nullish(),
});
