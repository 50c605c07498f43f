import { afterAll, beforeAll, expect, test } from 'vitest';
import { openTestCache, type TestCache } from '../support/token-cache.ts';
import { createMember, flow, subjectAt, type Member } from './fleet.ts';
import { startTokenServer, type TokenServer } from './token-server.ts';

let shared: TestCache;
let server: TokenServer;
let members: Member[];

beforeAll(async () => {
  shared = await openTestCache();
  server = await startTokenServer();
  members = [createMember({ place: shared.place }), createMember({ place: shared.place })];
  // their connections stand
  await Promise.all(members.map(({ cache }) => cache.read('nothing', '')));
});
afterAll(async () => {
  await Promise.all(members.map((member) => member.close()));
  await server.close();
  await shared.close();
});

test('a hit in memory asks nobody; a hit in the shared cache costs one round trip', async () => {
  const [a, b] = members as [Member, Member];
  const subject = subjectAt(server.url);
  const { value } = await a.service.get(subject, flow());
  const inMemory = await shared.sentBy(async () => {
    for (let time = 0; time < 50; time += 1) await a.service.get(subject, flow());
  });
  expect(inMemory).toEqual([]);
  const inCache = await shared.sentBy(async () => {
    expect((await b.service.get(subject, flow())).value).toBe(value);
  });
  expect(inCache).toHaveLength(1);
  expect(server.requests).toHaveLength(1);
});
