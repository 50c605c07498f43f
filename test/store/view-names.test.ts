import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  columnNames,
  customViewName,
  fitting,
  providerViewName,
  snakeCase,
} from '../../src/store/view-names.ts';

describe('snake_case', () => {
  it.each([
    ['tradeItemId', 'trade_item_id'],
    ['trade-items', 'trade_items'],
    ['companyGLN', 'company_gln'],
    ['GLNOfCompany', 'gln_of_company'],
    ['vat2Number', 'vat2_number'],
    ['Größe in cm', 'gro_e_in_cm'],
    ['_links', 'links'],
    ['@odata.type', 'odata_type'],
    ['2ndName', '_2nd_name'],
    ['€', 'field'],
    ['', 'field'],
  ])('of %j is %j', (name, expected) => {
    expect(snakeCase(name)).toBe(expected);
  });

  it('needs no quotes, whatever the name', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => /^[a-z_][a-z0-9_]*$/.test(snakeCase(name))),
    );
  });
});

describe('a view', () => {
  it('is named after provider and stream, or after connection and custom stream', () => {
    expect(providerViewName('floriday', 'trade-items')).toBe('floriday_trade_items');
    expect(customViewName('acme-lucca', 'meal-vouchers')).toBe('acme_lucca__meal_vouchers');
  });

  it('whose name is too long for Postgres is cut, with a hash that keeps it apart from others', () => {
    const connection = 'a'.repeat(63);
    const [one, other] = ['vouchers', 'voucher'].map((stream) => customViewName(connection, stream));
    expect(one).not.toBe(other);
    expect(one).toMatch(/^a{54}_[0-9a-f]{8}$/);
    expect(fitting('x'.repeat(63))).toBe('x'.repeat(63));
  });
});

describe('columns', () => {
  it('get a number where their name is taken', () => {
    expect(
      columnNames(['data', 'tradeItemId', 'trade_item_id', 'TradeItemID'], ['data', 'trade_item_id_2']),
    ).toEqual(['data_2', 'trade_item_id', 'trade_item_id_3', 'trade_item_id_4']);
  });

  it('are all different and fit, whatever the fields', () => {
    const field = fc.oneof(
      fc.string(),
      fc.constantFrom('a'.repeat(70), 'A'.repeat(70), 'data', 'Data', 'd-a-t-a'),
    );
    fc.assert(
      fc.property(fc.array(field, { maxLength: 40 }), (fields) => {
        const names = columnNames(fields, ['data']);
        expect(new Set(['data', ...names]).size).toBe(fields.length + 1);
        expect(names.filter((name) => name.length > 63)).toEqual([]);
      }),
    );
  });
});
