/**
 * The field tables of the simulated Floriday's models, read from a compact text: `Name = A | B` is an enumeration,
 * `Name: field type, field? type[]` an object. A type is one of the plain ones below, `text` with its greatest length
 * (`text70`), or another model; `?` marks a field that may be absent.
 */

import { CUSTOMER_MODELS } from './models-customers.ts';
import { SHARED_MODELS } from './models-shared.ts';
import { SUPPLIER_MODELS } from './models-suppliers.ts';

export type Api = 'suppliers' | 'customers';

export interface Field {
  readonly name: string;
  /** `uuid`, `time`, `date`, `duration`, `int`, `num`, `bool`, `gln` (13 digits), `text`, or a model's name */
  readonly type: string;
  /** of a text, in characters */
  readonly maxLength: number;
  readonly isList: boolean;
  readonly isOptional: boolean;
}

export type Model =
  | { readonly kind: 'enum'; readonly values: readonly string[] }
  | { readonly kind: 'object'; readonly fields: readonly Field[] };

function readField(text: string): Field {
  const [name = '', written = ''] = text.split(' ');
  const isList = written.endsWith('[]');
  const plain = isList ? written.slice(0, -2) : written;
  const length = /^text(\d+)$/.exec(plain)?.[1];
  return {
    name: name.replace('?', ''),
    type: length === undefined ? plain : 'text',
    maxLength: length === undefined ? 250 : Number(length),
    isList,
    isOptional: name.endsWith('?'),
  };
}

function readModels(text: string): [string, Model][] {
  // a line that begins with a blank goes on from the one before
  const lines = text.replaceAll(/\n +/g, ' ').trim().split('\n');
  return lines.map((line) => {
    const enumeration = /^(\w+) = (.+)$/.exec(line);
    if (enumeration !== null) {
      return [enumeration[1] ?? '', { kind: 'enum', values: (enumeration[2] ?? '').split(' | ') }];
    }
    const [name = '', fields = ''] = line.split(': ');
    return [name, { kind: 'object', fields: fields.split(', ').map(readField) }];
  });
}

/** The models of each API, by name. */
export const MODELS: Readonly<Record<Api, ReadonlyMap<string, Model>>> = {
  suppliers: new Map([...readModels(SHARED_MODELS), ...readModels(SUPPLIER_MODELS)]),
  customers: new Map([...readModels(SHARED_MODELS), ...readModels(CUSTOMER_MODELS)]),
};
