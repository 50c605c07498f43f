/** The records that the benches sync: 480 bytes of JSON each, with the kinds of fields that business data have. */

export const RECORD_BYTES = 480;
/** Of these, one changes with each version of the source: 5 %. */
export const CHANGED_EVERY = 20;

const PADDING =
  'Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore. ';

/** The JSON text of a record. `version` shows in every twentieth one. */
export function recordText(index: number, version: number): string {
  const record = {
    id: `r${String(index).padStart(8, '0')}`,
    number: index,
    givenName: `Given ${index % 977}`,
    familyName: `Family ${index % 7919}`,
    email: `person.${index}@example.com`,
    active: index % 3 !== 0,
    salary: (index * 37) % 90_000,
    address: { street: `Street ${index % 300}`, city: `City ${index % 100}`, country: 'FR' },
    tags: ['alpha', 'beta', `t${index % 10}`],
    createdAt: '2026-01-02T03:04:05.000Z',
    revision: index % CHANGED_EVERY === 0 ? version : 0,
    notes: '',
  };
  const short = JSON.stringify(record);
  const notes = PADDING.repeat(4).slice(0, RECORD_BYTES - Buffer.byteLength(short));
  return JSON.stringify({ ...record, notes });
}
