/** The truth of a simulated Lucca account: its tables, and the edits that tests and the demo make to them. */

import type { EditCounts, EditResult, Source } from '../contract.ts';
import { createDraw } from '../random.ts';
import { Table } from '../table.ts';
import type { Row } from '../table.ts';
import { makeRecord } from './data.ts';
import { isResource, RESOURCES, resourceOfType } from './resources.ts';
import type { Resource } from './resources.ts';
import type { World } from './world.ts';

export type Counts = Partial<Record<Resource, number>>;

/** What an edit tells the account's webhooks. */
export interface Edit {
  readonly resource: Resource;
  readonly change: 'created' | 'updated' | 'deleted';
  /** as it is after the edit; for a deleted record, as it was */
  readonly row: Row;
  /** attributes that an update changed, as they were */
  readonly previous?: Readonly<Record<string, unknown>>;
  /** by the account's own clock */
  readonly at: string;
}

export interface LuccaData {
  readonly source: Source;
  readonly table: (resource: Resource) => Table;
  /** The value at a dotted path; where it leads through a reference, the record behind it is read. */
  readonly valueAt: (row: Row, path: string) => unknown;
}

/** Sizes of all resources for a number of employees; a size that is given exactly stays. */
export function sizes(records: number | Counts): Readonly<Record<Resource, number>> {
  const given: Counts = typeof records === 'number' ? { employees: records } : records;
  const employees = given.employees ?? 400;
  const scaled: Record<Resource, number> = {
    employees,
    departments: Math.ceil(employees / 12),
    'legal-entities': Math.min(3, employees),
    'business-establishments': Math.min(8, employees),
    employments: Math.round(employees * 1.15),
    'job-positions': Math.round(employees * 1.3),
    leaves: employees * 2,
    'leave-requests': Math.round(employees * 0.8),
  };
  for (const [name, count] of Object.entries({ ...scaled, ...given })) {
    if (!isResource(name)) throw new Error(`the sandbox has no resource '${name}'`);
    if (!Number.isSafeInteger(count) || count < 0) throw new Error(`'${count}' is no number of ${name}`);
  }
  return { ...scaled, ...given };
}

/** The first edit happens at this moment of the account's own clock, and each later one a second after the one before. */
const FIRST_EDIT = Date.UTC(2025, 6, 1, 8);

/** What an update changes: never the value that was there, since the number of edits is part of it. */
const revise: Readonly<Record<Resource, (row: Row, edits: number) => Record<string, unknown>>> = {
  employees: (_row, edits) => ({ phoneNumber: `+336${String(10_000_000 + (edits % 90_000_000))}` }),
  departments: (_row, edits) => ({ description: `Révision nº ${edits}` }),
  'legal-entities': (_row, edits) => ({ remoteId: `LE:r${edits}` }),
  'business-establishments': (_row, edits) => ({ remoteId: `r${edits}` }),
  employments: (_row, edits) => ({ remoteId: `EMPLOYMENT#r${edits}` }),
  'job-positions': (_row, edits) => ({ notes: `Avenant nº ${edits}` }),
  leaves: (row) => ({ status: row['status'] === 'cancelled' ? 'confirmed' : 'cancelled' }),
  'leave-requests': (row) => ({ status: row['status'] === 'approved' ? 'rejected' : 'approved' }),
};

/** @param base of every `url` in the records, without a trailing slash */
export function createLuccaData(options: {
  seed: number;
  records: number | Counts;
  base: string;
  onEdit?: (edit: Edit) => void;
}): LuccaData {
  const { seed, base } = options;
  const tell = (edit: Edit): void => options.onEdit?.(edit);
  const counts = sizes(options.records);
  const tables = new Map<Resource, Table>();
  const table = (resource: Resource): Table => tables.get(resource) as Table;
  const world: World = { seed, counts, base, idAt: (resource, index) => table(resource).idAt(index) };
  for (const [place, resource] of RESOURCES.entries()) {
    const generate = (index: number, id: string): Row => makeRecord(world, resource, index, id);
    tables.set(resource, new Table({ count: counts[resource], seed: seed * 31 + place, generate }));
  }

  let edits = 0;
  const tick = (): string => new Date(FIRST_EDIT + edits++ * 1000).toISOString();
  const named = (name: string): Resource => {
    if (!isResource(name)) throw new Error(`the sandbox has no resource '${name}'`);
    return name;
  };
  const position = (resource: Resource, id: string): number => {
    const index = table(resource).indexOf(id);
    if (index === undefined || !table(resource).has(index))
      throw new Error(`no ${resource} record has the id '${id}'`);
    return index;
  };
  const stamped = (row: Row, time: string, isNew: boolean): Row => ({
    ...row,
    ...(isNew && 'createdAt' in row ? { createdAt: time } : {}),
    ...('lastUpdatedAt' in row ? { lastUpdatedAt: time } : {}),
  });

  const source: Source = {
    resources: RESOURCES,
    count: (name) => table(named(name)).size,
    list(name) {
      const own = table(named(name));
      return Array.from(own.forward(), (index) => own.at(index) as Row);
    },
    get: (name, id) => table(named(name)).get(id),
    insert(name, fields = {}) {
      const resource = named(name);
      const own = table(resource);
      const { id, ...rest } = fields;
      const time = tick();
      if (id === undefined) {
        const added = own.append((row) => ({ ...stamped(row, time, true), ...rest }));
        tell({ resource, change: 'created', row: added, at: time });
        return added;
      }
      const index = own.indexOf(id as string);
      if (index === undefined || own.has(index))
        throw new Error(`'${id as string}' is no removed record of ${name}`);
      const row = { ...stamped(makeRecord(world, resource, index, own.idAt(index)), time, true), ...rest };
      own.put(index, row);
      tell({ resource, change: 'created', row, at: time });
      return row;
    },
    update(name, id, fields) {
      const resource = named(name);
      const index = position(resource, id);
      const before = table(resource).at(index) as Row;
      const time = tick();
      const row = { ...stamped(before, time, false), ...fields, id };
      table(resource).put(index, row);
      const previous = Object.fromEntries(Object.keys(fields).map((field) => [field, before[field] ?? null]));
      tell({ resource, change: 'updated', row, previous, at: time });
      return row;
    },
    remove(name, id) {
      const resource = named(name);
      const index = position(resource, id);
      const row = table(resource).at(index) as Row;
      table(resource).remove(index);
      tell({ resource, change: 'deleted', row, at: tick() });
    },
    edit,
    resize(name, count) {
      const own = table(named(name));
      if (!Number.isSafeInteger(count) || count < 0) throw new Error(`'${count}' is no number of ${name}`);
      while (own.size < count) source.insert(name);
      const surplus = own.size - count;
      const last = own.backward();
      for (let done = 0; done < surplus; done++) own.remove(last.next().value as number);
    },
  };

  function edit({
    creates = 0,
    updates = 0,
    deletes = 0,
    resource: name = 'employees',
  }: EditCounts): EditResult {
    const resource = named(name);
    const own = table(resource);
    if (updates + deletes > own.size) {
      throw new Error(
        `${name} holds ${own.size} records, too few for ${updates + deletes} updates and deletes`,
      );
    }
    const draw = createDraw(seed, 31, edits);
    const touched = new Set<number>();
    const end = own.end;
    const choose = (): string => {
      let index = draw.int(end);
      while (touched.has(index) || !own.has(index)) index = (index + 1) % end;
      touched.add(index);
      return own.idAt(index);
    };
    const updated = Array.from({ length: updates }, choose);
    const deleted = Array.from({ length: deletes }, choose);
    for (const id of updated) source.update(name, id, revise[resource](own.get(id) as Row, edits));
    for (const id of deleted) source.remove(name, id);
    const created = Array.from({ length: creates }, () => source.insert(name).id);
    return { resource, created, updated, deleted };
  }

  function valueAt(row: Row, path: string): unknown {
    let value: unknown = row;
    for (const name of path.split('.')) {
      if (typeof value !== 'object' || value === null) return undefined;
      const at = value as Record<string, unknown>;
      const target = name in at ? undefined : resourceOfType(String(at['type']));
      const whole = target === undefined ? at : (table(target).get(String(at['id'])) ?? at);
      value = whole[name];
    }
    return value;
  }

  return { source, table, valueAt };
}
