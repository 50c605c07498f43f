/** The resources that the simulated Floriday offers, each with its two endpoints, scopes and rate limits. */

import { MODELS } from './models.ts';
import type { Api, Field } from './models.ts';
import { CUSTOMER_RESOURCES, SUPPLIER_RESOURCES } from './resource-tables.ts';

/** Of one endpoint and one API key. */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

export interface Endpoint {
  /** below the API's base, without the sequence number */
  readonly path: string;
  readonly scope: string;
  /** null where none is documented */
  readonly rate: Rate | null;
}

export interface Resource {
  /** the path of its records without `sync`: `trade-items`, `batches/mutations`, `supply-lines/custom` */
  readonly name: string;
  readonly model: string;
  readonly fields: readonly Field[];
  /** the fields that identify a record */
  readonly key: readonly string[];
  readonly sync: Endpoint;
  /** null for the one resource that has none */
  readonly maximum: Endpoint | null;
  readonly pageSize: {
    readonly parameter: string;
    /** also the default */
    readonly max: number;
    /** whether the description gives a maximum, beyond which a request is refused */
    readonly isBounded: boolean;
    readonly isRequired: boolean;
  };
  /** whether records belong to partners, and show only once there is a connection */
  readonly isOfPartners: boolean;
  readonly parameters: readonly { readonly name: string; readonly isRequired: boolean }[];
  /** how a deleted record is told; undefined where the model has no mark, and records are never deleted */
  readonly mark: 'isDeleted' | 'status.isDeleted' | 'status' | undefined;
}

function readRate(text: string): Rate | null {
  if (text === '-') return null;
  const [perSecond, burst] = text.split('/').map(Number);
  return { perSecond: perSecond ?? 0, burst: burst ?? 0 };
}

function findMark(api: Api, fields: readonly Field[]): Resource['mark'] {
  if (fields.some(({ name }) => name === 'isDeleted')) return 'isDeleted';
  const type = fields.find(({ name }) => name === 'status')?.type ?? '';
  const status = MODELS[api].get(type);
  if (status?.kind === 'enum') return status.values.includes('DELETED') ? 'status' : undefined;
  return status?.fields.some(({ name }) => name === 'isDeleted') === true ? 'status.isDeleted' : undefined;
}

function readResource(api: Api, line: string): Resource {
  const columns = line.split(' ');
  const column = (place: number): string => columns[place] ?? '';
  const same = (place: number, usual: string): string => (column(place) === '=' ? usual : column(place));
  const path = column(0);
  const name = path.replace('/sync', '');
  const model = MODELS[api].get(column(1));
  if (model?.kind !== 'object') throw new Error(`the table has no model '${column(1)}'`);
  const [, parameter = '', max, required] = /^(\w+)(?::(\d+))?(!)?$/.exec(column(5)) ?? [];
  const maximum = same(6, 'current-max-sequence');
  const parameters = column(10) === '-' ? [] : column(10).split(',');
  return {
    name,
    model: column(1),
    fields: model.fields,
    key: column(2).split('+'),
    sync: { path, scope: column(3), rate: readRate(column(4)) },
    maximum:
      maximum === '-'
        ? null
        : {
            path: maximum.startsWith('/') ? maximum.slice(1) : `${name}/${maximum}`,
            scope: same(7, column(3)),
            rate: readRate(same(8, column(4))),
          },
    pageSize: {
      parameter,
      max: Number(max ?? 1000),
      isBounded: max !== undefined,
      isRequired: required !== undefined,
    },
    isOfPartners: column(9) === 'partner',
    parameters: parameters.map((text) => ({ name: text.replace('!', ''), isRequired: text.endsWith('!') })),
    mark: findMark(api, model.fields),
  };
}

const read = (api: Api, table: string): ReadonlyMap<string, Resource> =>
  new Map(
    table
      .trim()
      .split('\n')
      .map((line) => readResource(api, line))
      .map((resource) => [resource.name, resource]),
  );

/** The resources of each API, by name. */
export const RESOURCES: Readonly<Record<Api, ReadonlyMap<string, Resource>>> = {
  suppliers: read('suppliers', SUPPLIER_RESOURCES),
  customers: read('customers', CUSTOMER_RESOURCES),
};

/** Every scope that the simulated endpoints of both APIs need, without `role:app`. */
export const DATA_SCOPES: readonly string[] = [
  ...new Set(
    Object.values(RESOURCES).flatMap((resources) =>
      [...resources.values()].flatMap(({ sync, maximum }) => [sync.scope, maximum?.scope ?? sync.scope]),
    ),
  ),
].toSorted();
