/**
 * Of the conformance suite: a provider whose definition has webhooks gets an endpoint at its simulator, and what that sends
 * is applied; what is forged is refused and not stored; what comes again is applied once.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ProviderDefinition } from '../../src/providers/contract.ts';
import type { RunningWorkers } from '../../src/jobs/index.ts';
import type { WebhookDefinition } from '../../src/providers/webhook-contract.ts';
import { definitionOf } from '../../src/webhooks/definition.ts';
import { registerWebhooks } from '../../src/webhooks/register.ts';
import { waitFor } from '../support/wait.ts';
import { settledEvents, startIntake, storedEvents, type TestIntake } from '../support/webhooks.ts';
import { startRecorder, type Recorded, type Recorder } from './recorder.ts';
import type { Subject } from './subject.ts';

/** Providers without any are refused by the intake as unknown connections are: test/webhooks/intake.test.ts. */
export function itTakesWebhooks(provider: ProviderDefinition, ready: () => Subject): void {
  if (provider.webhooks === undefined) return;
  describe('its webhooks', () => {
    let web: TestIntake;
    let recorder: Recorder;
    let workers: RunningWorkers;
    /** undefined where the settings of this account allow none */
    let definition: WebhookDefinition | undefined;
    beforeAll(async () => {
      const { fleet, account } = ready();
      const settings = account.connection.settings as Readonly<Record<string, unknown>>;
      definition = definitionOf(provider, { settings });
      if (definition === undefined) return;
      const streams = account.webhookStreams ?? [];
      await ready().sync('main', { streams, full: true, allowDeletes: true });
      web = await startIntake(fleet.runtime);
      recorder = await startRecorder(new URL(web.url).origin);
      workers = await fleet.runtime.startWorkers({ schedules: false });
      await registerWebhooks(
        { ...fleet.runtime.registration, publicUrl: async () => recorder.origin },
        'main',
        {
          renew: false,
        },
      );
      // a handshake may go on in a message
      await waitFor(async () => {
        const rows = await fleet.database.db.pool.query<{ state: string }>(
          `select state from sluice.webhook_endpoints where connection_id = 'main'`,
        );
        return rows.rows.length > 0 && rows.rows.every(({ state }) => state === 'active') ? true : undefined;
      }, 60_000);
      await settledEvents(fleet);
    });
    afterAll(async () => {
      if (definition === undefined) return;
      await workers.stop(10_000);
      await recorder.close();
      await web.close();
    });

    /** Those that were taken: in the first second after the registration the intake may not know the secret yet. */
    const messages = (): Recorded[] =>
      recorder.messages.filter(({ method, status }) => method === 'POST' && status < 300);
    const changes = async (): Promise<number> => {
      const { pool } = ready().fleet.database.db;
      const rows = await pool.query<{ count: number }>(
        `select (select count(*) from sluice.changes where connection_id = 'main')::int
              + (select count(*) from sluice.runs where connection_id = 'main')::int as count`,
      );
      return rows.rows[0]?.count ?? 0;
    };

    it('are verified, and applied', async () => {
      if (definition === undefined) return;
      const subject = ready();
      const names = subject.account.webhookStreams ?? [];
      expect(names, 'a provider with webhooks names the streams that have events').not.toEqual([]);
      const before = messages().length;
      for (const name of names)
        subject.account.simulator.source.edit({
          resource: subject.resource(subject.stream(name)),
          updates: 1,
        });
      await waitFor(
        () => (messages().length >= before + names.length ? true : undefined),
        90_000,
        () => `${messages().length - before} messages came for ${names.join(', ')}`,
      );
      const events = await settledEvents(subject.fleet);
      expect(events.map(({ status, error }) => [status, error])).toEqual(
        events.map(() => ['processed', null]),
      );
      await settledRuns(subject);
      await subject.expectTruth(
        'main',
        names.map((name) => subject.stream(name)),
      );
    });

    it('are refused and not stored where they are forged', async () => {
      if (definition === undefined) return;
      const subject = ready();
      const genuine = messages().at(-1) ?? expect.unreachable('no message arrived');
      const before = (await storedEvents(subject.fleet)).length;
      for (const forged of forgeries(definition, genuine)) {
        const answer = await recorder.send(forged);
        expect(answer.status, forged.url).toBe(401);
      }
      expect(await storedEvents(subject.fleet)).toHaveLength(before);
    });

    it('are applied once where they come again', async () => {
      if (definition === undefined) return;
      const subject = ready();
      await settledRuns(subject);
      const [before, events] = [await changes(), await storedEvents(subject.fleet)];
      const sent = messages();
      for (const message of sent) expect((await recorder.send(message)).ok).toBe(true);
      const after = await settledEvents(subject.fleet);
      const copies = (list: typeof after): number =>
        list.reduce((sum, { duplicates }) => sum + duplicates, 0);
      expect(after.map(({ id }) => id)).toEqual(events.map(({ id }) => id));
      expect(copies(after) - copies(events)).toBe(sent.length);
      await settledRuns(subject);
      expect(await changes()).toBe(before);
    });
  });
}

type Message = Parameters<Recorder['send']>[0];

/** The same message, each time with one thing wrong. */
function forgeries({ signature }: WebhookDefinition, genuine: Recorded): Message[] {
  const elsewhere = { ...genuine, url: genuine.url.replace('/webhooks/main', '/webhooks/other') };
  if (signature.scheme === 'url-key') {
    const withKey = (key: string | null): Message => {
      const url = new URL(genuine.url, 'http://x');
      if (key === null) url.searchParams.delete(signature.parameter);
      else url.searchParams.set(signature.parameter, key);
      return { ...genuine, url: url.pathname + url.search };
    };
    const key = new URL(genuine.url, 'http://x').searchParams.get(signature.parameter) ?? '';
    return [withKey(null), withKey(''), withKey(flipped(key)), withKey(`${key}x`), elsewhere];
  }
  const header = genuine.headers[signature.header] ?? '';
  const { [signature.header]: _removed, ...unsigned } = genuine.headers;
  const body = Buffer.from(genuine.body);
  body.writeUInt8(body.readUInt8(body.length - 1) ^ 1, body.length - 1);
  const longAgo = signature.timestamp === undefined ? [] : [old(signature.timestamp.header, genuine)];
  return [
    { ...genuine, body },
    { ...genuine, headers: unsigned },
    { ...genuine, headers: { ...genuine.headers, [signature.header]: flipped(header) } },
    ...longAgo,
    elsewhere,
  ];
}

/** With a time that the signature covers, and that isn't the one that was signed. */
function old(header: string, genuine: Recorded): Message {
  const value = genuine.headers[header] ?? '';
  const other = /^\d+$/.test(value) ? String(Number(value) - 1) : new Date(0).toISOString();
  return { ...genuine, headers: { ...genuine.headers, [header]: other } };
}

/** One character in the middle is another. */
function flipped(text: string): string {
  const middle = Math.floor(text.length / 2);
  return text.slice(0, middle) + (text[middle] === 'a' ? 'b' : 'a') + text.slice(middle + 1);
}

async function settledRuns({ fleet }: Subject): Promise<void> {
  await waitFor(async () => {
    const open = await fleet.database.db.pool.query(
      `select 1 from sluice.runs where connection_id = 'main' and slot is not null`,
    );
    return open.rows.length === 0 ? true : undefined;
  }, 60_000);
}
