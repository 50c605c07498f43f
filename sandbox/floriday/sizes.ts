/** How many records each resource of a simulated Floriday organization starts with. */

import type { Api } from './models.ts';
import { RESOURCES } from './resources.ts';

/** Partners whose connection is still to come; their records stay hidden until then. */
export const WAITING_PARTNERS = 3;

/** live records that the organization sees, by resource */
export type Counts = Readonly<Record<string, number>>;

/** Records for each trade item; the resources that aren't named have an eighth. */
const SHARES: Counts = {
  'trade-items': 1,
  'supply-lines': 2,
  'supply-lines/custom': 1,
  'sales-orders': 3,
  batches: 1,
  'batches/mutations': 2,
  'delivery-orders': 1,
  'fulfillment-orders': 0.5,
  'advance-shipping-notices': 0.5,
};
/** The greatest number that comes by itself. */
const CAPS: Counts = { connections: 40, organizations: 2000, 'commercial-service-types': 12 };

/**
 * Sizes of all resources for a number of trade items; a size that is given exactly stays.
 *
 * @throws Error for a resource that doesn't exist, or a number that is none
 */
export function sizes(api: Api, records: number | Counts): Counts {
  const given: Counts = typeof records === 'number' ? { 'trade-items': records } : records;
  const items = given['trade-items'] ?? 400;
  const scaled: Record<string, number> = {};
  for (const name of RESOURCES[api].keys()) {
    scaled[name] = Math.min(CAPS[name] ?? Infinity, Math.ceil(items * (SHARES[name] ?? 0.125)));
  }
  // the organization itself, and all of its partners
  const least = 1 + (given['connections'] ?? scaled['connections'] ?? 0) + WAITING_PARTNERS;
  scaled['organizations'] = Math.max(least, scaled['organizations'] ?? 0);
  for (const [name, count] of Object.entries({ ...scaled, ...given })) {
    if (!RESOURCES[api].has(name)) throw new Error(`the sandbox has no resource '${name}'`);
    if (!Number.isSafeInteger(count) || count < 0) throw new Error(`'${count}' is no number of ${name}`);
  }
  return { ...scaled, ...given };
}
