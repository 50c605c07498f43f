/** Makes the simulated Floriday's records from the field tables of its models. */

import { createDraw, mix } from '../random.ts';
import type { Fields } from './feed.ts';
import { MODELS } from './models.ts';
import type { Api, Field, Model } from './models.ts';
import type { Resource } from './resources.ts';
import { STATUSES, VALUES } from './values.ts';
import type { MakeValue, Making } from './values.ts';
import { createdAt, entityOf, hashText, liveSlot, uuidOf } from './world.ts';
import type { World } from './world.ts';

const DAY = 86_400_000;

/** A field with all that can be looked up before the first record is made. */
interface Plan {
  readonly field: Field;
  readonly special: MakeValue | undefined;
  readonly model: Model | undefined;
  /** what an id stands for */
  readonly entity: string;
  /** the start of a text that says nothing */
  readonly words: string;
}

function planOf(models: ReadonlyMap<string, Model>, owner: string, field: Field): Plan {
  const model = models.get(field.type);
  const special = VALUES[`${owner}.${field.name}`] ?? VALUES[field.name];
  return {
    field,
    // a name may stand for an object in one model (a price with its currency) and for a plain value in another
    special: model?.kind === 'object' && !field.isList ? undefined : special,
    model,
    entity: entityOf(field.name),
    words: field.name.replaceAll(/([A-Z])/g, ' $1').toLowerCase(),
  };
}

const plansOf = (models: ReadonlyMap<string, Model>): ReadonlyMap<string, readonly Plan[]> =>
  new Map(
    [...models].map(([name, model]) => [
      name,
      model.kind === 'object' ? model.fields.map((field) => planOf(models, name, field)) : [],
    ]),
  );

/** The fields of every model, by API and name. */
const PLANS: Readonly<Record<Api, ReadonlyMap<string, readonly Plan[]>>> = {
  suppliers: plansOf(MODELS.suppliers),
  customers: plansOf(MODELS.customers),
};

/** An id of another record, or of something that has no resource of its own (an image, a line of an order). */
function reference(entity: string, { world, draw, slot }: Making): string {
  const layout = world.layout(entity);
  if (layout === undefined) return uuidOf(world.seed, entity, slot * 64 + draw.int(64));
  return uuidOf(world.seed, entity, liveSlot(layout, draw.int(Math.max(1, layout.total))));
}

function plainValue({ field, entity, words }: Plan, making: Making): unknown {
  const { draw, slot } = making;
  switch (field.type) {
    case 'uuid':
      return reference(entity, making);
    case 'time':
      return new Date(createdAt(slot) + (1 + draw.int(5)) * DAY).toISOString();
    case 'date':
      return new Date(createdAt(slot) + DAY).toISOString().slice(0, 10);
    case 'duration':
      return '12:00:00';
    case 'int':
      return 1 + draw.int(50);
    case 'num':
      return draw.int(1000) / 100;
    case 'bool':
      return draw.chance(0.5);
    case 'gln':
      return String(8_713_783_000_000 + draw.int(1_000_000));
    default:
      return `${words} ${slot + 1}`;
  }
}

/** A number of the table may be a text of the model, and a text may be too long for it. */
function fitted(value: unknown, field: Field): unknown {
  if (field.type !== 'text') return value;
  const text = typeof value === 'number' ? String(value) : value;
  return typeof text === 'string' ? text.slice(0, field.maxLength) : text;
}

function makeValue(plan: Plan, making: Making): unknown {
  const { field, special, model } = plan;
  const made = special?.(making);
  if (made !== undefined || (special !== undefined && field.isOptional)) return fitted(made, field);
  if (model === undefined) return fitted(plainValue(plan, making), field);
  if (model.kind === 'object') return makeFields(field.type, making);
  const usual = STATUSES.find((status) => model.values.includes(status));
  const known = model.values.filter((value) => value !== 'UNKNOWN' && value !== 'DELETED');
  return usual !== undefined && making.draw.chance(0.8) ? usual : making.draw.pick(known);
}

function makeList(plan: Plan, making: Making): unknown {
  const made = plan.special?.(making);
  if (Array.isArray(made)) return made;
  const { item } = making;
  const values: unknown[] = [];
  for (let left = 1 + making.draw.int(2); left > 0; left--) {
    making.item = values.length;
    values.push(makeValue(plan, making));
  }
  making.item = item;
  return values;
}

function makeFields(model: string, making: Making): Fields {
  const made: Fields = {};
  for (const plan of PLANS[making.world.api].get(model) ?? []) {
    const { field } = plan;
    if (field.isOptional && making.draw.chance(0.2)) continue;
    const value = field.isList ? makeList(plan, making) : makeValue(plan, making);
    if (value !== undefined) made[field.name] = value;
  }
  return made;
}

/** Models whose key field has the name of another resource's, although they are records of their own. */
const OWN_KEYS = [
  'ClockSupplyLine',
  'ClockPresalesSupplyLine',
  'FulfillmentOrderInbound',
  'LogisticMeansInvoiceStatus',
];

/** The name of the entity that a resource's key stands for. */
export function keyEntity(resource: Resource): string {
  return OWN_KEYS.includes(resource.model) ? resource.name : entityOf(resource.key[0] ?? '');
}

/**
 * One record as the API returns it, but for its sequence number.
 *
 * @param keyId the id that its first key field gets
 * @param partner id of the partner that it has to do with
 */
export function makeRecord(
  world: World,
  resource: Resource,
  slot: number,
  ids: { readonly keyId: string; readonly partner: string },
): Fields {
  const draw = createDraw(mix(world.seed, hashText(resource.name)), slot);
  const making: Making = { world, draw, resource: resource.name, slot, item: 0, partner: ids.partner };
  const made = makeFields(resource.model, making);
  made[resource.key[0] ?? ''] = ids.keyId;
  return resource.model === 'SalesOrder' ? withTotals(made) : made;
}

/** A sales order whose amount is its price times its pieces. */
function withTotals(order: Fields): Fields {
  const price = order['pricePerPiece'] as { readonly currency: string; readonly value: number };
  const amount = Math.round(price.value * 100 * Number(order['numberOfPieces'])) / 100;
  const totals = order['calculatedFields'] as Fields;
  totals['totalPricePerPiece'] = price;
  totals['orderAmount'] = { currency: price.currency, value: amount };
  return order;
}

/** Sets the mark of a deleted record, or takes it away. */
export function marked(world: World, resource: Resource, fields: Fields, isDeleted: boolean): Fields {
  const status = resource.fields.find(({ name }) => name === 'status');
  const values = MODELS[world.api].get(status?.type ?? '');
  if (resource.mark === 'status.isDeleted') {
    return { ...fields, status: { ...(fields['status'] as Fields), isDeleted } };
  }
  const byStatus =
    values?.kind === 'enum' &&
    values.values.includes('DELETED') &&
    (isDeleted || fields['status'] === 'DELETED')
      ? { status: isDeleted ? 'DELETED' : values.values[0] }
      : {};
  return { ...fields, ...(resource.mark === 'isDeleted' ? { isDeleted } : {}), ...byStatus };
}
