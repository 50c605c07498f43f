/** The data of the simulated Lucca: the same for the same seed, consistent in itself, and changed by edits only as they say. */

import { afterEach, describe, expect, test } from 'vitest';

import { startSandbox } from '../../sandbox/index.ts';
import type { SandboxOptions } from '../../sandbox/index.ts';
import { createLuccaData } from '../../sandbox/lucca/source.ts';
import type { LuccaSandbox } from '../../sandbox/lucca/server.ts';
import type { Row } from '../../sandbox/table.ts';
import { get, tokenOf } from './lucca-client.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

async function start(options: SandboxOptions<'lucca'> = {}): Promise<LuccaSandbox> {
  const sandbox = await startSandbox({ providers: ['lucca'], records: 120, ...options });
  closers.push(() => sandbox.close());
  return sandbox.providers.lucca;
}

const snapshot = ({ source }: LuccaSandbox): Record<string, Row[]> =>
  Object.fromEntries(source.resources.map((name) => [name, source.list(name)]));

/** Every reference inside a record: objects with an id, a type and a url. */
function references(value: unknown): { id: string; type: string; url: string }[] {
  if (typeof value !== 'object' || value === null) return [];
  const own = value as Record<string, unknown>;
  const found = Object.values(own).flatMap(references);
  const { id, type, url } = own;
  return typeof id === 'string' && typeof url === 'string'
    ? [{ id, type: String(type), url }, ...found]
    : found;
}

describe('a seed', () => {
  test('gives the same data, also on another port', async () => {
    const [one, two] = [await start({ seed: 7 }), await start({ seed: 7 })];
    expect(one.urls).not.toEqual(two.urls);
    expect(snapshot(one)).toEqual(snapshot(two));
  });

  test('gives the same data after the same edits', async () => {
    const [one, two] = [await start({ seed: 7 }), await start({ seed: 7 })];
    for (const lucca of [one, two]) {
      lucca.source.edit({ creates: 3, updates: 20, deletes: 5 });
      lucca.source.edit({ creates: 1, updates: 2, deletes: 3, resource: 'leaves' });
    }
    expect(snapshot(one)).toEqual(snapshot(two));
  });

  test('that differs gives other data', async () => {
    const [one, two] = [await start({ seed: 7 }), await start({ seed: 8 })];
    const names = (lucca: LuccaSandbox): unknown[] =>
      lucca.source.list('employees').map((row) => row['familyName']);
    expect(names(one)).not.toEqual(names(two));
  });
});

describe('generated records', () => {
  test('refer only to records that exist', async () => {
    const lucca = await start();
    const types = new Map(lucca.source.resources.map((name) => [lucca.source.list(name)[0]?.['type'], name]));
    let checked = 0;
    for (const rows of Object.values(snapshot(lucca))) {
      for (const { id, type, url } of rows.flatMap(references)) {
        const resource = types.get(type);
        if (resource === undefined) continue;
        expect(url).toBe(`https://sandbox.ilucca.net/lucca-api/${resource}/${id}`);
        expect(lucca.source.get(resource, id), url).toBeDefined();
        checked++;
      }
    }
    expect(checked).toBeGreaterThan(1000);
  });

  test('agree with each other', async () => {
    const { source } = await start();
    const read = (resource: string, id: string): any => source.get(resource, id);
    const all = (resource: string): any[] => source.list(resource);
    for (const row of all('employees')) {
      expect(read('employments', row.applicableEmployment.id)).toMatchObject({
        employee: { id: row.id },
        status: row.status,
      });
      expect(read('job-positions', row.applicableJobPosition.id)).toMatchObject({
        employee: { id: row.id },
        employment: { id: row.applicableEmployment.id },
      });
    }
    const latest = new Map<string, any>();
    for (const row of all('employments')) {
      const before = latest.get(row.employee.id);
      if (before === undefined || before.start.date < row.start.date) latest.set(row.employee.id, row);
    }
    expect(latest.size).toBeLessThan(all('employments').length);
    for (const [id, row] of latest) expect(read('employees', id).applicableEmployment.id).toBe(row.id);
    for (const row of all('employments')) {
      if (row.end !== null) expect(row.end.date > row.start.date).toBe(true);
    }
    for (const row of all('leave-requests')) {
      const leave = read('leaves', row.leaves[0].id);
      expect(leave.employee.id).toBe(row.employee.id);
      expect(leave.links.leaveRequest.href).toBe(row.url);
      const status = { pending: 'tentative', approved: 'confirmed', rejected: 'cancelled' }[
        row.status as string
      ];
      expect(leave.status).toBe(status);
    }
    for (const row of all('leaves')) expect(row.days.at(-1).date).toBe(row.endsOn);
  });

  test('have the documented fields, all of them and no others', async () => {
    const { source } = await start();
    const fields = (resource: string): string[] =>
      [...new Set(source.list(resource).flatMap((row) => Object.keys(row)))].toSorted();
    const stamps = ['createdAt', 'lastUpdatedAt', 'links', 'id', 'type', 'url'];
    expect(fields('employees')).toEqual(
      [
        ...stamps,
        'remoteId',
        'portrait',
        'givenName',
        'familyName',
        'employeeNumber',
        'status',
        'email',
        'birthDay',
        'phoneNumber',
        'applicableEmployment',
        'applicableJobPosition',
      ].toSorted(),
    );
    expect(fields('departments')).toEqual(
      [
        'id',
        'type',
        'url',
        'links',
        'remoteId',
        'isArchived',
        'name',
        'description',
        'parent',
        'level',
        'manager',
        'sortOrder',
      ].toSorted(),
    );
    expect(fields('employments')).toEqual(
      [
        ...stamps,
        'remoteId',
        'employee',
        'legalEntity',
        'status',
        'start',
        'end',
        'document',
        'template',
      ].toSorted(),
    );
    expect(fields('leave-requests')).toEqual(
      [...stamps, 'status', 'employee', 'leaves', 'expectedApprover'].toSorted(),
    );
    expect(fields('leaves')).toEqual(
      [
        ...stamps,
        'startsOn',
        'startPosition',
        'endsOn',
        'endPosition',
        'employee',
        'leaveAccount',
        'days',
        'totalDuration',
        'status',
        'details',
      ].toSorted(),
    );
  });

  test('have names that break naive code', async () => {
    const names = (await start()).source
      .list('employees')
      .map((row) => [row['givenName'], row['familyName']].join(' '));
    expect(names.some((name) => name.includes("'"))).toBe(true);
    expect(names.some((name) => /[éèüëï]/.test(name))).toBe(true);
  });
});

describe('the number of records', () => {
  test('can be given for one resource, the others scale', async () => {
    const { source } = await start({ lucca: { records: { employees: 600, departments: 12 } } });
    const sizes = source.resources.map((name) => [name, source.count(name)]);
    expect(Object.fromEntries(sizes)).toEqual({
      employees: 600,
      departments: 12,
      'legal-entities': 3,
      'business-establishments': 8,
      employments: 690,
      'job-positions': 780,
      leaves: 1200,
      'leave-requests': 480,
    });
  });

  test('can be zero', async () => {
    const lucca = await start({ records: 0 });
    const token = await tokenOf(lucca);
    for (const resource of lucca.source.resources) {
      const { body } = await get(lucca, token, `/${resource}?include=links,totalCount`);
      expect(body).toMatchObject({ items: [], totalCount: 0, links: { prev: null, next: null } });
    }
  });

  test('that makes no sense is refused', async () => {
    await expect(start({ lucca: { records: { employees: -1 } } })).rejects.toThrow(
      "'-1' is no number of employees",
    );
  });

  test('of 100,000 costs little time and memory', () => {
    const before = process.memoryUsage().heapUsed;
    const began = performance.now();
    const { source, table } = createLuccaData({ seed: 1, records: 100_000, base: 'https://x' });
    expect(source.count('leaves')).toBe(200_000);
    const last = table('leaves').at(199_999);
    expect(source.get('leaves', last?.id ?? '')).toEqual(last);
    expect(performance.now() - began).toBeLessThan(200);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(5 * 1024 ** 2);
  });

  test('changes by a resize, without giving an id twice', async () => {
    const { source } = await start();
    const ids = source.list('employees').map(({ id }) => id);
    source.resize('employees', 12);
    expect(source.list('employees').map(({ id }) => id)).toEqual(ids.slice(0, 12));
    source.resize('employees', 20);
    const now = source.list('employees').map(({ id }) => id);
    expect(now).toHaveLength(20);
    for (const id of now.slice(12)) expect(ids).not.toContain(id);
  });
});

describe('an edit', () => {
  test('changes exactly what it says', async () => {
    for (const resource of (await start()).source.resources) {
      const { source } = await start();
      const before = new Map(source.list(resource).map((row) => [row.id, row]));
      const [updates, deletes] = [Math.min(7, before.size - 1), 1];
      const edit = source.edit({ creates: 2, updates, deletes, resource });
      const after = new Map(source.list(resource).map((row) => [row.id, row]));
      const gone = [...before.keys()].filter((id) => !after.has(id));
      const added = [...after.keys()].filter((id) => !before.has(id));
      const changed = [...before.keys()].filter(
        (id) => after.has(id) && JSON.stringify(after.get(id)) !== JSON.stringify(before.get(id)),
      );
      expect(gone).toEqual([...edit.deleted]);
      expect(added).toEqual([...edit.created]);
      expect(changed.toSorted()).toEqual([...edit.updated].toSorted());
      expect([gone.length, added.length, changed.length]).toEqual([deletes, 2, updates]);
      expect(source.count(resource)).toBe(before.size + 1);
    }
  });

  test('moves lastUpdatedAt forward, where the resource has it', async () => {
    const { source } = await start();
    const before = new Map(source.list('employees').map((row) => [row.id, row['lastUpdatedAt'] as string]));
    for (let round = 0; round < 5; round++) {
      for (const id of source.edit({ updates: 50 }).updated) {
        const now = source.get('employees', id)?.['lastUpdatedAt'] as string;
        expect(now > (before.get(id) ?? '')).toBe(true);
        before.set(id, now);
      }
    }
    const [unit] = source.edit({ updates: 1, resource: 'departments' }).updated;
    expect(source.get('departments', unit ?? '')).not.toHaveProperty('lastUpdatedAt');
  });

  test('is what the API shows next', async () => {
    const lucca = await start();
    const token = await tokenOf(lucca);
    const [row] = lucca.source.list('employees');
    lucca.source.update('employees', row?.id ?? '', { familyName: 'Çağlar' });
    expect((await get(lucca, token, `/employees/${row?.id}`)).body.familyName).toBe('Çağlar');
  });

  test('can bring a removed record back under its id', async () => {
    const { source } = await start();
    const [row] = source.list('employees');
    source.remove('employees', row?.id ?? '');
    source.insert('employees', { id: row?.id, familyName: 'Revenant' });
    expect(source.list('employees')[0]).toMatchObject({ id: row?.id, familyName: 'Revenant' });
    expect(() => source.insert('employees', { id: row?.id })).toThrow('is no removed record');
  });

  test('of more records than there are is refused', async () => {
    const { source } = await start({ records: 3 });
    expect(() => source.edit({ updates: 2, deletes: 2 })).toThrow('too few');
    expect(() => source.update('employees', '1', {})).toThrow("no employees record has the id '1'");
    expect(() => source.list('salaries')).toThrow("no resource 'salaries'");
  });

  test('cannot be made through an object that was handed out', async () => {
    const { source } = await start();
    const [row] = source.list('employees') as unknown as {
      id: string;
      familyName: string;
      birthDay: object;
    }[];
    if (row === undefined) throw new Error('no employee');
    const updated = source.update('employees', row.id, { familyName: 'A' }) as unknown as {
      familyName: string;
    };
    updated.familyName = 'B';
    (source.get('employees', row.id) as unknown as { familyName: string }).familyName = 'C';
    expect(source.get('employees', row.id)?.['familyName']).toBe('A');
  });
});
