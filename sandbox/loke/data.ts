/**
 * Makes the records of the simulated LOKE from their position: fields, types and formats as on the provider's API pages
 * (developers.loke.global/docs/api) and in the types of its own sample add-on. Times have no fractions, as in the examples
 * there, so that equal ones occur.
 */

import type { Fields } from '../collection.ts';
import { createDraw, digits, mix } from '../random.ts';

export interface OrganizationData {
  readonly seed: number;
  /** position of the organization */
  readonly place: number;
  readonly locations: number;
  readonly customers: number;
  locationId(index: number): string;
  customerId(index: number): string;
}

// prettier-ignore
const FIRST_NAMES = [
  'Aroha', 'Bianca', 'Callum', 'Darcy', 'Eilidh', 'Finn', 'Grace', 'Hamish', 'Isla', "Jai'den", 'Kiri', 'Liam', 'Mei Ling',
  'Ngaio', 'Oscar', 'Priya', 'Quinn', 'Ruby', 'Siobhán', 'Tane', 'Uma', 'Violet', 'Wei', 'Xanthe', 'Yusuf', 'Zoë',
] as const;
// prettier-ignore
const LAST_NAMES = [
  "O'Connor", 'Nguyen', 'Smith', 'Papadopoulos', 'Te Rangi', 'Fitzgerald', 'Tan', 'Singh', 'Brown-Lee', 'Kowalski', 'Wilson',
  'MacKenzie', 'Rossi', 'Chen', 'van der Berg', 'Ali', 'Taylor', 'Lim', 'Müller', 'Hughes',
] as const;
const VENUES = [
  'The Brass Rail',
  'Flinders & Sons',
  'Kōwhai Kitchen',
  "Molly's Corner",
  'Harbour Social',
] as const;
const PLACES = [
  ['Richmond', 'Victoria', '3121', 'Australia', 'Australia/Melbourne', -37.8183, 144.9983],
  ['Newtown', 'New South Wales', '2042', 'Australia', 'Australia/Sydney', -33.8981, 151.1744],
  ['Ponsonby', 'Auckland', '1011', 'New Zealand', 'Pacific/Auckland', -36.8485, 174.7417],
  ['Shoreditch', 'London', 'E1 6JE', 'United Kingdom', 'Europe/London', 51.5245, -0.0793],
] as const;
const MENU = [
  ['FOOD001', 'Flat white', 450],
  ['FOOD002', 'Parma', 2600],
  ['FOOD003', 'Chips & aioli', 900],
  ['DRNK001', 'Pale ale', 1250],
  ['DRNK002', 'Lemon, lime & bitters', 650],
] as const;

const SECOND = 1000;
const FIRST_RECORD = Date.UTC(2018, 0, 1);
/** Records come closer and closer together, so that millions of them still lie before the first edit. */
const SPAN_SECONDS = 7 * 365 * 86_400;
const HALFWAY = 20_000;

const secondsAt = (index: number): number => Math.floor((SPAN_SECONDS * index) / (index + HALFWAY));
export const instant = (ms: number): string => new Date(ms).toISOString().replace('.000Z', 'Z');
const createdAt = (index: number): string => instant(FIRST_RECORD + secondsAt(index) * SECOND);

/** Not before its creation, and never after the next record's, so that both orders agree at the start. */
function updatedAt(index: number, share: number): string {
  const gap = secondsAt(index + 1) - secondsAt(index);
  return instant(FIRST_RECORD + (secondsAt(index) + Math.floor(gap * share)) * SECOND);
}

export function makeOrganization(seed: number, index: number, id: string): Fields {
  const draw = createDraw(seed, 1, index);
  const [, , , , timezone] = draw.pick(PLACES);
  return {
    id,
    name: `${VENUES[index % VENUES.length]}${index < VENUES.length ? '' : ` ${index}`} Group`,
    currency: draw.pick(['AUD', 'GBP', 'NZD', 'SGD']),
    timezone,
    created: createdAt(index),
  };
}

export function makeLocation(data: OrganizationData, index: number): Fields {
  const draw = createDraw(data.seed, 2, data.place, index);
  const [locality, region, postalCode, country, timezone, latitude, longitude] = draw.pick(PLACES);
  return {
    id: data.locationId(index),
    name: `${draw.pick(VENUES)} ${locality} ${index + 1}`,
    country,
    latitude: Number((latitude + draw.next() / 50).toFixed(4)),
    locality,
    longitude: Number((longitude + draw.next() / 50).toFixed(4)),
    phoneNumber: `03${digits(draw, 8)}`,
    postalCode,
    region,
    slug: `${locality.toLowerCase()}-${data.place + 1}-${index + 1}`,
    streetAddress: `${1 + draw.int(400)} Simpson Street`,
    // optional: some have none at all
    ...(draw.chance(0.3) ? { streetAddress2: `Level ${1 + draw.int(9)}` } : {}),
    timezone,
  };
}

/** The part of a customer that stands in a payment too. */
function person(data: OrganizationData, index: number) {
  const draw = createDraw(data.seed, 3, data.place, index);
  return {
    id: data.customerId(index),
    firstName: draw.pick(FIRST_NAMES),
    lastName: draw.pick(LAST_NAMES),
    email: `guest${data.place + 1}.${index + 1}@diner.example`,
    phoneNumber: `+614${digits(draw, 8)}`,
  };
}

export function makeCustomer(data: OrganizationData, index: number): Fields {
  const draw = createDraw(data.seed, 4, data.place, index);
  const earned = draw.int(9000);
  const redeemed = draw.int(earned + 1);
  const spent = draw.int(500_000);
  const updated = updatedAt(index, draw.next());
  return {
    ...person(data, index),
    ...(draw.chance(0.7)
      ? { dob: `${1950 + draw.int(55)}-0${1 + draw.int(9)}-${String(10 + draw.int(19))}` }
      : {}),
    ...(draw.chance(0.6) ? { gender: draw.pick(['MALE', 'FEMALE']) } : {}),
    hasAgreedToMarketing: draw.chance(0.5),
    createdAt: createdAt(index),
    updatedAt: updated,
    statistics: {
      pointsBalance: earned - redeemed,
      totalPointsEarned: earned,
      totalPointsRedeemed: redeemed,
      totalSpend: spent,
      ...(spent > 0 ? { lastSpentAt: updated, lastPointsEarnedAt: updated } : {}),
    },
  };
}

/** Has no `updatedAt`: the documented example has none either, although payments can be sorted by their last update. */
export function makePayment(data: OrganizationData, index: number, id: string): Fields {
  const draw = createDraw(data.seed, 5, data.place, index);
  const items = Array.from({ length: 1 + draw.int(3) }, () => {
    const [item, name, amount] = draw.pick(MENU);
    return { id: item, name, amount, quantity: 1 + draw.int(3), type: 'item', options: [] };
  });
  const total = items.reduce((sum, { amount, quantity }) => sum + amount * quantity, 0);
  const discount = draw.chance(0.2) ? Math.floor(total / 10) : 0;
  const credit = draw.chance(0.2) ? Math.floor(total / 5) : 0;
  const fee = Math.ceil(total / 50);
  const customer = mix(data.seed, 6, data.place, index) % Math.max(1, data.customers);
  const time = createdAt(index);
  return {
    id,
    ...(data.locations > 0 ? { locationId: data.locationId(draw.int(data.locations)) } : {}),
    billingType: draw.pick(['order/pickup', 'order/table', 'tab']),
    // the vocabulary of states is not documented
    state: 'COMPLETED',
    currency: 'AUD',
    total,
    tipAmount: draw.chance(0.3) ? 100 * draw.int(8) : 0,
    discountAmount: discount,
    creditAmount: credit,
    chargedAmount: total - discount - credit,
    externalAmount: 0,
    feeAmount: fee,
    payoutAmount: total - discount - fee,
    createdAt: time,
    completedAt: time,
    ...(data.customers > 0 ? { customer: person(data, customer) } : {}),
    items,
  };
}
