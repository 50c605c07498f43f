/**
 * LOKE's records, as its API pages and the types of its own sample add-on describe them. Only the id is required, every
 * other field may be absent or null, and unknown fields are kept. Money is a whole number in the currency's lowest
 * denomination.
 */
import { z } from 'zod';

const id = z.string().min(1);
const text = z.string().nullish();
const flag = z.boolean().nullish();
const number = z.number().nullish();
const whole = z.number().int().nullish();
// said, not checked: a moment that can't be read is no reason to turn a record away
const date = z.string().meta({ format: 'date' }).nullish();
const instant = z.string().meta({ format: 'date-time' }).nullish();

/** Not on the API pages: from the types of the sample add-on. */
export const organization = z.looseObject({
  id,
  name: text,
  currency: text,
  timezone: text,
  created: instant,
});

export const location = z.looseObject({
  id,
  name: text,
  country: text,
  latitude: number,
  locality: text,
  longitude: number,
  phoneNumber: text,
  postalCode: text,
  region: text,
  slug: text,
  streetAddress: text,
  streetAddress2: text,
  timezone: text,
});

const person = { id, email: text, firstName: text, lastName: text, phoneNumber: text };

export const customer = z.looseObject({
  ...person,
  dob: date,
  gender: text,
  hasAgreedToMarketing: flag,
  createdAt: instant,
  updatedAt: instant,
  statistics: z
    .looseObject({
      lastPointsEarnedAt: instant,
      lastPointsRedeemedAt: instant,
      lastSpentAt: instant,
      pointsBalance: whole,
      totalPointsEarned: whole,
      totalPointsRedeemed: whole,
      totalSpend: whole,
    })
    .nullish(),
});

export const payment = z.looseObject({
  id,
  locationId: text,
  refId: text,
  billingType: text,
  state: text,
  currency: text,
  total: whole,
  tipAmount: whole,
  discountAmount: whole,
  creditAmount: whole,
  chargedAmount: whole,
  externalAmount: whole,
  feeAmount: whole,
  payoutAmount: whole,
  createdAt: instant,
  completedAt: instant,
  refundedAt: instant,
  customer: z.looseObject(person).nullish(),
  items: z
    .array(z.looseObject({ id: text, name: text, amount: whole, quantity: whole, type: text }))
    .nullish(),
});
