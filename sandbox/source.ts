/**
 * The truth of a simulated provider whose resources are made of lists (`Collection`), each of them possibly many times:
 * once per organization, project or episode.
 */

import type { Collection, Fields } from './collection.ts';
import type { EditCounts, EditResult, Source } from './contract.ts';
import { textOf } from './form.ts';
import { createDraw } from './random.ts';
import type { Row } from './table.ts';

/** The first edit happens at this moment of the provider's own clock, and each later one a second after the one before. */
export const FIRST_EDIT = Date.UTC(2025, 6, 1, 8);

/** What one edit did, for whoever has to tell a client about it. */
export interface Edit {
  readonly resource: string;
  readonly operation: 'created' | 'updated' | 'deleted';
  readonly id: string;
  /** id of the record that the list belongs to; empty where there is none */
  readonly owner: string;
  /** after the edit; before it where it is a deletion */
  readonly record: Row;
  /** before an update */
  readonly previous?: Row;
  /** ISO time by the provider's own clock */
  readonly at: string;
}

export interface SourceOptions {
  readonly resources: readonly string[];
  readonly seed: number;
  /** The lists that a client could see, in a fixed order. */
  readonly collections: (resource: string) => readonly Collection[];
  /** Where a new record goes whose parent wasn't named; default: the first list. */
  readonly home?: (resource: string) => Collection;
  /** Records that no client sees: those of one resource, since asking about each record of a long list takes its time. */
  readonly hidden?: { readonly resource: string; readonly isHidden: (id: string) => boolean };
  /** Called for the id of every new record, before anything reads it. */
  readonly onNew?: (resource: string, id: string) => void;
  /** A record with the marks of an edit, such as `updatedAt`. */
  readonly stamp: (resource: string, fields: Fields, at: string, isNew: boolean) => Fields;
  /** What a random update changes: never the value that was there, since the number of edits is part of it. */
  readonly revise: (resource: string, fields: Fields, edits: number) => Fields;
}

export interface EditableSource extends Source {
  /** Calls `listener` after every edit; the answer ends that. */
  onEdit(listener: (edit: Edit) => void): () => void;
}

/** A record with its id, which is for the contract only: not enumerable where the API has no `id` field. */
export function rowOf(fields: Fields, id: string): Row {
  if ('id' in fields) return fields as unknown as Row;
  return Object.defineProperty(fields, 'id', { value: id, enumerable: false }) as unknown as Row;
}

/** `insert` takes the parent of a nested record as `fields.parent`. */
export function createSource(options: SourceOptions): EditableSource {
  const listeners = new Set<(edit: Edit) => void>();
  let edits = 0;
  const tick = (): string => new Date(FIRST_EDIT + edits++ * 1000).toISOString();

  const named = (resource: string): readonly Collection[] => {
    if (!options.resources.includes(resource)) throw new Error(`the sandbox has no resource '${resource}'`);
    return options.collections(resource);
  };
  const rowAt = (own: Collection, index: number): Row => rowOf(own.at(index) as Fields, own.idAt(index));
  const find = (resource: string, id: string): { own: Collection; index: number } | undefined => {
    for (const own of named(resource)) {
      const index = own.indexOf(id);
      if (index !== undefined) return { own, index };
    }
    return undefined;
  };
  const hides = (resource: string): boolean => options.hidden?.resource === resource;
  const isShown = (resource: string, own: Collection, index: number): boolean =>
    own.has(index) && !(hides(resource) && options.hidden?.isHidden(own.idAt(index)) === true);
  const position = (resource: string, id: string): { own: Collection; index: number } => {
    const found = find(resource, id);
    if (found === undefined || !isShown(resource, found.own, found.index))
      throw new Error(`no ${resource} record has the id '${id}'`);
    return found;
  };
  const shown = (resource: string, own: Collection): number[] =>
    Array.from(own.forward()).filter((index) => isShown(resource, own, index));
  const tell = (edit: Edit): void => {
    for (const listener of listeners) listener(structuredCloneOf(edit));
  };
  const listOf = (resource: string, parent: unknown): Collection => {
    const lists = named(resource);
    if (parent === undefined) {
      const home = options.home?.(resource) ?? lists[0];
      if (home === undefined) throw new Error(`there is nothing that ${resource} could belong to`);
      return home;
    }
    const own = lists.find(({ owner }) => owner === parent);
    if (own === undefined) throw new Error(`there are no ${resource} of '${textOf(parent)}'`);
    return own;
  };

  const source: EditableSource = {
    resources: options.resources,
    count: (resource) =>
      named(resource).reduce(
        (sum, own) => sum + (hides(resource) ? shown(resource, own).length : own.size),
        0,
      ),
    list: (resource) =>
      named(resource).flatMap((own) => shown(resource, own).map((index) => rowAt(own, index))),
    get(resource, id) {
      const found = find(resource, id);
      if (found === undefined || !isShown(resource, found.own, found.index)) return undefined;
      return rowAt(found.own, found.index);
    },
    insert(resource, { id, parent, ...fields } = {}) {
      const back = id === undefined ? undefined : find(resource, textOf(id));
      if (id !== undefined && (back === undefined || back.own.has(back.index)))
        throw new Error(`'${textOf(id)}' is no removed record of ${resource}`);
      const own = back?.own ?? listOf(resource, parent);
      const index = back?.index ?? own.end;
      const at = tick();
      const made = { ...options.stamp(resource, own.original(index), at, true), ...fields };
      if (back === undefined) own.append(made, edits);
      else own.put(index, made, edits);
      options.onNew?.(resource, own.idAt(index));
      const record = rowAt(own, index);
      tell({ resource, operation: 'created', id: own.idAt(index), owner: own.owner, record, at });
      return record;
    },
    update(resource, id, fields) {
      const { own, index } = position(resource, id);
      const previous = rowAt(own, index);
      const at = tick();
      own.put(index, { ...options.stamp(resource, own.at(index) as Fields, at, false), ...fields }, edits);
      const record = rowAt(own, index);
      tell({ resource, operation: 'updated', id, owner: own.owner, record, previous, at });
      return record;
    },
    remove(resource, id) {
      const { own, index } = position(resource, id);
      const record = rowAt(own, index);
      own.remove(index);
      tell({ resource, operation: 'deleted', id, owner: own.owner, record, at: tick() });
    },
    edit,
    resize(resource, count) {
      if (!Number.isSafeInteger(count) || count < 0)
        throw new Error(`'${count}' is no number of ${resource}`);
      while (source.count(resource) < count) source.insert(resource);
      let surplus = source.count(resource) - count;
      for (const own of named(resource).toReversed()) {
        for (const index of shown(resource, own).toReversed()) {
          if (surplus-- <= 0) return;
          source.remove(resource, own.idAt(index));
        }
      }
    },
    onEdit(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };

  function edit({
    creates = 0,
    updates = 0,
    deletes = 0,
    resource = options.resources[0] ?? '',
  }: EditCounts): EditResult {
    const lists = named(resource);
    if (updates + deletes > source.count(resource)) {
      throw new Error(
        `${resource} holds ${source.count(resource)} records, too few for ${updates + deletes} updates and deletes`,
      );
    }
    const draw = createDraw(options.seed, 31, edits);
    const touched = new Set<string>();
    const total = lists.reduce((sum, own) => sum + own.end, 0);
    const choose = (): string => {
      for (let place = draw.int(total); ; place = (place + 1) % total) {
        let index = place;
        let own = lists[0] as Collection;
        for (const [at, list] of lists.entries()) {
          own = list;
          if (index < list.end || at === lists.length - 1) break;
          index -= list.end;
        }
        const id = own.idAt(index);
        if (!isShown(resource, own, index) || touched.has(id)) continue;
        touched.add(id);
        return id;
      }
    };
    const updated = Array.from({ length: updates }, choose);
    const deleted = Array.from({ length: deletes }, choose);
    for (const id of updated)
      source.update(resource, id, options.revise(resource, source.get(resource, id) as Row, edits));
    for (const id of deleted) source.remove(resource, id);
    const created = Array.from({ length: creates }, () => {
      const parent = lists.length > 1 ? { parent: (lists[draw.int(lists.length)] as Collection).owner } : {};
      return source.insert(resource, parent).id;
    });
    return { resource, created, updated, deleted };
  }

  return source;
}

/** A copy that keeps the ids, which structuredClone would leave out. */
function structuredCloneOf(edit: Edit): Edit {
  const copy = (row: Row): Row => rowOf(structuredClone({ ...row }), row.id);
  return {
    ...edit,
    record: copy(edit.record),
    ...(edit.previous === undefined ? {} : { previous: copy(edit.previous) }),
  };
}
