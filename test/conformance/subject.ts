/** One account under test: its connection in a fleet without a queue, and the comparison of mirror and truth. */
import { expect } from 'vitest';
import type { ProviderDefinition, StreamDefinition } from '../../src/providers/contract.ts';
import type { RunRequest } from '../../src/store/runs.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { checkLedger, engineOf, type Engine, type Fuse, type StreamEnd } from '../sync/engine.ts';
import type { Account, AccountRegistration } from './contract.ts';

export interface Subject {
  readonly provider: ProviderDefinition;
  readonly account: Account;
  readonly fleet: Fleet;
  readonly engine: Engine;
  /** every stream that the account offers, optional ones included; parents before their children */
  readonly streams: readonly StreamDefinition[];
  stream(name: string): StreamDefinition;
  /** what the simulator calls a stream's records */
  resource(stream: StreamDefinition): string;
  connect(id: string): Promise<void>;
  sync(id: string, options?: SyncOptions): Promise<ReadonlyMap<string, StreamEnd>>;
  /** The mirror of each stream holds what the simulator holds, and its change numbers tell how it came about. */
  expectTruth(id: string, streams?: readonly StreamDefinition[]): Promise<void>;
  close(): Promise<void>;
}

export type SyncOptions = Partial<RunRequest> & { readonly everyStream?: readonly Fuse[] };

export async function startSubject(
  provider: ProviderDefinition,
  registration: AccountRegistration,
): Promise<Subject> {
  const account = await registration.start();
  const fleet = await startFleet({
    workers: false,
    providers: [provider],
    lucca: { records: 1 },
    // the suite makes the deliveries: nothing is to be put into a queue behind its back
    reconcileEveryMs: 3_600_000,
  });
  const engine = engineOf(fleet);
  const streams = streamsOf(provider, account);
  const { source } = account.simulator;
  const resource = (stream: StreamDefinition): string => account.resourceOf?.(stream) ?? stream.name;

  async function expectStream(id: string, stream: StreamDefinition): Promise<void> {
    const known = source.list(resource(stream)).map((row) => comparable(stream, row));
    const mirrored = Array.from((await fleet.mirror(id, stream.name)).values(), (row) =>
      comparable(stream, row),
    );
    if (account.showsMore?.(stream) === true)
      expect(mirrored, stream.name).toEqual(expect.arrayContaining(known));
    else expect(mirrored.toSorted(), stream.name).toEqual(known.toSorted());
    await checkLedger(engine, id, stream.name, false);
  }

  return {
    provider,
    account,
    fleet,
    engine,
    streams,
    stream: (name) => streams.find((one) => one.name === name) ?? expect.unreachable(`no stream ${name}`),
    resource,
    async connect(id) {
      await fleet.connect(id, {
        provider: provider.id,
        streams: streams.map(({ name }) => name),
        retry: { attempts: 2, baseDelay: '1ms', maxDelay: '1ms' },
        ...account.connection,
      });
      await account.consent?.(fleet, id);
    },
    sync: (id, options = {}) => engine.run(id, options),
    async expectTruth(id, chosen = streams) {
      for (const stream of chosen) await expectStream(id, stream);
    },
    async close() {
      await fleet.close();
      await account.close();
    },
  };
}

/** Those of the account's settings. */
export function streamsOf(
  provider: ProviderDefinition,
  { connection }: Pick<Account, 'connection'>,
): readonly StreamDefinition[] {
  const settings = connection.settings as Readonly<Record<string, unknown>>;
  const all = provider.streamsFor?.(settings) ?? provider.streams;
  const depth = ({ parent }: StreamDefinition): number => {
    const above = all.find(({ name }) => name === parent);
    return above === undefined ? 0 : depth(above) + 1;
  };
  return all.toSorted((a, b) => depth(a) - depth(b));
}

/** Every stream ended well and took every record. */
export function expectSuccess(ends: ReadonlyMap<string, StreamEnd>): void {
  const bad = [...ends].filter(([, { status, rejected }]) => status !== 'succeeded' || rejected > 0);
  expect(bad).toEqual([]);
}

/** A record as it is mirrored, with sorted keys: Postgres orders them its own way. */
function comparable(stream: StreamDefinition, row: unknown): string {
  const fields = Object.entries(row as object).filter(([field]) => !stream.omit?.includes(field));
  return JSON.stringify(Object.fromEntries(fields), (_key, one: unknown) =>
    one !== null && typeof one === 'object' && !Array.isArray(one)
      ? Object.fromEntries(Object.entries(one).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : one,
  );
}
