/**
 * The conformance suite: what every provider must do with every stream that it declares. It is driven by the definition, so
 * that a new stream is tested as soon as it is declared, and fails where the simulator doesn't know it.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StreamDefinition } from '../../src/providers/contract.ts';
import { itAnswersErrors } from './answers.ts';
import type { AccountRegistration, Registration } from './contract.ts';
import { expectSuccess, startSubject, streamsOf, type Subject } from './subject.ts';
import { itShowsViews } from './views.ts';
import { itTakesWebhooks } from './webhooks.ts';

/**
 * Steps (statements and commits) after which a delivery of a stream dies: while it begins, at its first page, behind a page
 * that is committed. The last one lives.
 */
const deaths = {
  'a first pass': [3, 7, 11, Number.POSITIVE_INFINITY],
  'a later pass': [8, Number.POSITIVE_INFINITY],
} as const;

export function conforms(registration: Registration): void {
  const { provider, accounts } = registration;
  describe(provider.title, () => {
    it('has an account for every stream that it declares', async () => {
      const covered = new Set<StreamDefinition>();
      for (const one of accounts) {
        const account = await one.start();
        for (const stream of streamsOf(provider, account)) covered.add(stream);
        await account.close();
      }
      const names = (streams: Iterable<StreamDefinition>): string[] =>
        Array.from(streams, ({ title }) => title).toSorted();
      expect(names(covered)).toEqual(names(provider.streams));
    });
    for (const [index, account] of accounts.entries()) {
      // answers are the provider's, whichever of its accounts gets them
      itConforms(registration, account, { answers: index === 0 });
    }
  });
}

function itConforms(
  { provider }: Registration,
  registration: AccountRegistration,
  tests: { readonly answers: boolean },
): void {
  describe(registration.title, () => {
    let subject: Subject;
    beforeAll(async () => {
      subject = await startSubject(provider, registration);
      await subject.connect('main');
    });
    afterAll(() => subject.close());
    const ready = (): Subject => subject;

    it('mirrors every stream', async () => {
      const ends = await subject.sync('main');
      expectSuccess(ends);
      expect([...ends.keys()].toSorted()).toEqual(subject.streams.map(({ name }) => name).toSorted());
      for (const [name, { added }] of ends) expect(added, name).toBeGreaterThan(0);
      await subject.expectTruth('main');
    });

    itShowsViews(ready);

    it('follows what is new and what changed in every stream', async () => {
      editEach(subject, { creates: 1, updates: 1 });
      const ends = await subject.sync('main');
      expectSuccess(ends);
      for (const [name, end] of ends) {
        const detect = subject.stream(name).changes.detect;
        expect(end.mode, name).toBe(detect === 'full' ? 'full' : 'incremental');
        // a new record may belong to somebody whose data this account doesn't see
        expect(end.added + end.updated, name).toBeGreaterThanOrEqual(1);
      }
      // streams that start again with a new parent or partner do so in the next run
      expectSuccess(await subject.sync('main'));
      await subject.expectTruth('main');
    });

    it('follows what was deleted in every stream that tells', async () => {
      const deletable = deletableOf(subject);
      deleteEach(subject, deletable);
      // what vanished from a list that is read by update time is found by a complete pass
      const ends = await subject.sync('main', { full: true, allowDeletes: true });
      expectSuccess(ends);
      for (const { name } of deletable) expect(ends.get(name)?.deleted, name).toBeGreaterThanOrEqual(1);
      await subject.expectTruth('main');
    });

    it('writes nothing where nothing changed', async () => {
      const ends = await subject.sync('main');
      expectSuccess(ends);
      const written = [...ends].filter(([, { added, updated, deleted }]) => added + updated + deleted > 0);
      expect(written).toEqual([]);
    });

    it('goes on where it was when its worker dies, in every stream, again and again', async () => {
      await subject.connect('mortal');
      for (const [pass, everyStream] of Object.entries(deaths)) {
        if (pass !== 'a first pass') {
          editEach(subject, { creates: 1, updates: 1 });
          deleteEach(subject, deletableOf(subject));
        }
        const before = subject.engine.deaths;
        expectSuccess(await subject.sync('mortal', { everyStream, full: true, allowDeletes: true }));
        const died = subject.engine.deaths - before;
        expect(died, pass).toBe((everyStream.length - 1) * subject.streams.length);
        await subject.expectTruth('mortal');
      }
    });

    if (tests.answers) itAnswersErrors(ready);
    itTakesWebhooks(provider, ready);

    it('follows the deletion that others depend on without being told', async () => {
      for (const name of subject.account.apart ?? []) {
        const stream = subject.stream(name);
        subject.account.simulator.source.edit({ resource: subject.resource(stream), deletes: 1 });
        expectSuccess(await subject.sync('main', { full: true, allowDeletes: true }));
        await subject.expectTruth('main', [stream]);
      }
    });
  });
}

function deletableOf({ streams, account }: Subject): readonly StreamDefinition[] {
  return streams.filter(
    ({ name }) => account.keeps?.[name] === undefined && account.apart?.includes(name) !== true,
  );
}

function editEach(subject: Subject, counts: { readonly creates: number; readonly updates: number }): void {
  for (const stream of subject.streams)
    subject.account.simulator.source.edit({ resource: subject.resource(stream), ...counts, deletes: 0 });
}

/** Children first: what goes with its parent would be no deletion of its own. */
function deleteEach(subject: Subject, streams: readonly StreamDefinition[]): void {
  for (const stream of streams.toReversed())
    subject.account.simulator.source.edit({ resource: subject.resource(stream), deletes: 1 });
}
