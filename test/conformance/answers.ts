/** Of the conformance suite: each answer that isn't a page leads to the right end, with a code and advice. */
import { expect, it } from 'vitest';
import { catalogue } from '../../src/errors.ts';
import { checkConnection } from '../../src/sync/check.ts';
import type { DeclaredAnswer } from './contract.ts';
import { expectSuccess, type Subject } from './subject.ts';

const always = Number.POSITIVE_INFINITY;

/** What holds for every provider. The connection gives up after two attempts. */
const answers: readonly DeclaredAnswer[] = [
  {
    title: '503 for a moment',
    fault: { kind: 'status', status: 503 },
    waits: [],
    code: null,
  },
  {
    title: '503 for ever',
    fault: { kind: 'status', status: 503, times: always },
    waits: ['provider_unavailable'],
    code: 'provider_unavailable',
  },
  {
    title: '429 that names the time',
    fault: { kind: 'status', status: 429, headers: { 'retry-after': '1' } },
    waits: ['provider_rate_limited'],
    code: null,
  },
  {
    title: '403',
    fault: { kind: 'status', status: 403, times: always },
    waits: ['provider_forbidden'],
    code: 'provider_forbidden',
  },
  {
    title: '404',
    fault: { kind: 'status', status: 404 },
    waits: [],
    code: 'provider_refused',
  },
  {
    title: 'a page of a proxy instead of JSON',
    fault: { kind: 'html' },
    waits: [],
    code: 'response_unreadable',
  },
  {
    title: 'half of the JSON',
    fault: { kind: 'truncate' },
    waits: [],
    code: 'response_unreadable',
  },
  {
    title: 'JSON without a list',
    fault: { kind: 'status', status: 200, body: { message: 'welcome' } },
    waits: [],
    code: 'response_unexpected',
  },
];

export function itAnswersErrors(ready: () => Subject): void {
  /** Syncs the probe through a fault, and expects the end; the mirror stays as it was, and the next run succeeds. */
  async function expectAnswer(subject: Subject, { fault, waits, code }: DeclaredAnswer): Promise<void> {
    const { account, engine, fleet } = subject;
    const { stream, path } = account.probe;
    const before = await fleet.mirror('main', stream);
    account.simulator.faults.add({ ...fault, path });
    const began = Date.now();
    const ends = await subject.sync('main', { streams: [stream], full: true });
    const hit = account.simulator.faults.list().every(({ hits }) => hits > 0);
    account.simulator.faults.clear();
    expect(hit).toBe(true);
    const end = ends.get(stream) ?? expect.unreachable();
    const waited = engine.outcomes.filter((one) => one.outcome === 'wait');
    expect(waited.map(({ reason }) => reason)).toEqual(waits);
    for (const { until } of waited) expect(until).toBeLessThanOrEqual(Math.max(Date.now(), began) + 60_000);
    expect([end.status, end.error?.code]).toEqual(
      code === null ? ['succeeded', undefined] : ['failed', code],
    );
    // a wait that the provider asks for is no failed attempt
    if (code === null) expect(end.attempts).toBe(0);
    if (code !== null) {
      expect(end.error?.kind).toBe(catalogue[code].kind);
      expect(end.error?.advice).toMatch(/^[A-Z`].*\.$/s);
      expect(await fleet.mirror('main', stream)).toEqual(before);
      expectSuccess(await subject.sync('main', { streams: [stream] }));
    }
    expect(await fleet.mirror('main', stream)).toEqual(before);
  }

  it('ends each answer that is no page as it should', async () => {
    const subject = ready();
    const { stream } = subject.account.probe;
    expectSuccess(await subject.sync('main', { streams: [stream], full: true, allowDeletes: true }));
    for (const answer of [...answers, ...(subject.account.answers ?? [])])
      await expectAnswer(subject, answer).catch((error: unknown) => {
        throw new Error(`answered with ${answer.title}: ${String(error)}`, { cause: error });
      });
    expect(await stateOf(subject)).toBe('active');
  });

  it('says more about a 403 than its status, where the provider tells what it means', async () => {
    const subject = ready();
    const { stream: name, path } = subject.account.probe;
    const meaning = subject.provider.explainForbidden?.(undefined, subject.stream(name));
    if (meaning === undefined) return;
    subject.account.simulator.faults.add({ kind: 'status', status: 403, body: {}, path, times: always });
    const end = (await subject.sync('main', { streams: [name], full: true })).get(name);
    subject.account.simulator.faults.clear();
    expect(end?.error?.message).toContain(meaning);
    expectSuccess(await subject.sync('main', { streams: [name] }));
  });

  it('replaces a token that is refused once, and stops for a person where the new one is refused too', async () => {
    const subject = ready();
    const { stream: name, path } = subject.account.probe;
    const { faults, requests } = subject.account.simulator;
    const refuse = (times: number): void => void faults.add({ kind: 'status', status: 401, path, times });
    refuse(1);
    requests.clear();
    expectSuccess(await subject.sync('main', { streams: [name], full: true }));
    const tokens = requests.list().filter(({ status }) => status === 401 || status === 200);
    const refused = tokens.find(({ status }) => status === 401)?.tokenFingerprint;
    const afterwards = tokens.filter(
      ({ status, tokenFingerprint }) => status === 200 && tokenFingerprint !== null,
    );
    expect(refused).toEqual(expect.any(String));
    expect(afterwards.at(-1)?.tokenFingerprint).not.toBe(refused);

    refuse(always);
    const end = (await subject.sync('main', { streams: [name], full: true })).get(name);
    faults.clear();
    expect(end).toMatchObject({
      status: 'failed',
      error: { code: 'provider_unauthorized', kind: 'auth', advice: expect.stringMatching(/\.$/) },
    });
    expect(await stateOf(subject)).toBe('needs_attention');
    // a check that succeeds lets it go on
    const { db, tokens: service, outbound, loadConnection, now } = subject.fleet.runtime;
    const context = { db, tokens: service, outbound, loadConnection, now };
    expect(await checkConnection(context, 'main')).toMatchObject({ cleared: true });
    expect(await stateOf(subject)).toBe('active');
    expectSuccess(await subject.sync('main', { streams: [name] }));
  });
}

async function stateOf({ fleet }: Subject): Promise<string | undefined> {
  const rows = await fleet.database.db.pool.query<{ state: string }>(
    `select state from sluice.connections where id = 'main'`,
  );
  return rows.rows[0]?.state;
}
