/** One process of a fleet: does a round of calls when it is told to. Speaks with its parent over IPC. */
import { openClient, type ClientName, type ClientPlace } from './token-clients.ts';

export interface RoundOrder {
  readonly clientId: string;
  /** at once, with nothing cached */
  readonly cold: number;
  /** one after the other, afterwards */
  readonly warm: number;
}

export interface RoundReport {
  /** milliseconds until the last of the cold calls had its token */
  readonly coldMs: number;
  /** of all warm calls */
  readonly warmMs: number;
  readonly tokens: readonly string[];
}

const { client: name, place } = JSON.parse(process.argv[2] ?? '{}') as {
  client: ClientName;
  place: ClientPlace;
};
const client = await openClient(name, place);

process.on('message', (order: RoundOrder) => void round(order));
process.on('disconnect', () => void client.close());
process.send?.('ready');

async function round({ clientId, cold, warm }: RoundOrder): Promise<void> {
  const token = client.application(clientId);
  const started = performance.now();
  const tokens = await Promise.all(Array.from({ length: cold }, () => token()));
  const between = performance.now();
  for (let call = 0; call < warm; call += 1) await token();
  const report: RoundReport = {
    coldMs: between - started,
    warmMs: performance.now() - between,
    tokens: [...new Set(tokens)],
  };
  process.send?.(report);
}
