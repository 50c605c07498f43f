/** `tokens`: how many requests and how much time a fleet's tokens cost, ours and with three libraries. */
import { fork, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Bench, BenchContext } from './contract.ts';
import { median } from './rounds.ts';
import { startServers, type Servers } from './servers.ts';
import { openCache, openService, subjectOf, type ClientName, type ClientPlace } from './token-clients.ts';
import type { RoundReport } from './token-process.ts';

const PROCESSES = 8;
const COLD = 50;
const WARM = 100;
const ROUNDS = 5;
/** What a token endpoint on the same continent takes, in milliseconds. */
const ENDPOINT_MS = 50;
const MEMORY_HITS = 200_000;
const SHARED_HITS = 500;

interface FleetFigures {
  readonly client: ClientName;
  readonly cache: string;
  /** token requests of one round, most and least */
  readonly requests: { readonly least: number; readonly most: number };
  /** medians over the rounds, in milliseconds */
  readonly coldMs: number;
  /** of one warm call */
  readonly warmMs: number;
}

interface HitFigures {
  readonly cache: string;
  readonly memoryMicros: number;
  /** of a process that has the token not in its memory */
  readonly sharedMs: number;
}

interface TokenFigures {
  readonly fleets: readonly FleetFigures[];
  readonly hits: readonly HitFigures[];
  readonly left: readonly string[];
}

export const tokens: Bench<TokenFigures> = {
  async run(context) {
    context.progress('starting servers');
    const servers = await startServers();
    const endpoint = await startEndpoint();
    try {
      const caches = placesOf(servers, endpoint.url);
      const fleets: FleetFigures[] = [];
      const hits: HitFigures[] = [];
      for (const [cache, place] of caches) {
        context.progress(`hits, cache on ${cache}`);
        hits.push({ cache, ...(await measureHits(place)) });
        fleets.push(await measureFleet('sluice', cache, place, endpoint, context));
      }
      const [, anyPlace] = caches[0] as [string, ClientPlace];
      for (const client of ['openid-client', 'simple-oauth2', 'msal-node'] as const) {
        const cache = client === 'openid-client' ? 'none' : 'each process';
        fleets.push(await measureFleet(client, cache, anyPlace, endpoint, context));
      }
      const left = servers.redisUrl === undefined ? ['Redis: there is no redis-server on the PATH'] : [];
      return { fleets, hits, left };
    } finally {
      await endpoint.close();
      await servers.close();
    }
  },

  print({ fleets, hits, left }) {
    const row = (cells: readonly (string | number)[]): string =>
      cells.map((cell) => String(cell).padEnd(16)).join('');
    return [
      `${PROCESSES} processes, ${COLD} calls at once in each with nothing cached, then ${WARM} one after the other;`,
      `an endpoint that takes ${ENDPOINT_MS} ms; ${ROUNDS} rounds`,
      '',
      row(['client', 'cache', 'token requests', 'cold, ms', 'a warm call, ms']),
      ...fleets.map(({ client, cache, requests: { least, most }, coldMs, warmMs }) =>
        row([
          client,
          cache,
          least === most ? most : `${least} to ${most}`,
          coldMs.toFixed(0),
          warmMs.toFixed(4),
        ]),
      ),
      '',
      row(['hit', 'cache', 'in memory, us', 'shared, ms']),
      ...hits.map(({ cache, memoryMicros, sharedMs }) =>
        row(['sluice', cache, memoryMicros.toFixed(2), sharedMs.toFixed(2)]),
      ),
      ...left.map((what) => `not measured: ${what}`),
    ];
  },
};

function placesOf({ postgresUrl, redisUrl }: Servers, endpoint: string): [string, ClientPlace][] {
  const key = randomBytes(32).toString('base64');
  return [
    ['postgres', { endpoint, key, postgresUrl }],
    ...(redisUrl === undefined ? [] : [['redis', { endpoint, key, redisUrl }] as [string, ClientPlace]]),
  ];
}

async function measureHits(place: ClientPlace): Promise<Omit<HitFigures, 'cache'>> {
  const { cache, close } = await openCache(place);
  const first = openService(cache, place.key);
  try {
    const subject = subjectOf(place.endpoint, randomBytes(8).toString('hex'));
    const wish = { flow: 'bench' };
    await first.service.get(subject, wish);
    for (let call = 0; call < MEMORY_HITS / 10; call += 1) await first.service.get(subject, wish);
    let started = performance.now();
    for (let call = 0; call < MEMORY_HITS; call += 1) await first.service.get(subject, wish);
    const memoryMicros = ((performance.now() - started) * 1000) / MEMORY_HITS;
    // each of these has an empty memory of its own, and the connection stands
    const shared: number[] = [];
    for (let call = 0; call < SHARED_HITS; call += 1) {
      const { service, closeService } = openService(cache, place.key);
      started = performance.now();
      await service.get(subject, wish);
      shared.push(performance.now() - started);
      await closeService();
    }
    return { memoryMicros, sharedMs: median(shared) };
  } finally {
    await first.closeService();
    await close();
  }
}

async function measureFleet(
  client: ClientName,
  cache: string,
  place: ClientPlace,
  endpoint: Endpoint,
  { signal, progress }: BenchContext,
): Promise<FleetFigures> {
  progress(`${client}, cache: ${cache}`);
  const children = await Promise.all(Array.from({ length: PROCESSES }, () => startProcess(client, place)));
  try {
    const requests: number[] = [];
    const cold: number[] = [];
    const warm: number[] = [];
    // the first round warms up, and isn't counted
    for (let round = 0; round <= ROUNDS; round += 1) {
      signal.throwIfAborted();
      const clientId = randomBytes(8).toString('hex');
      const reports = await Promise.all(
        children.map(async (child) => {
          child.send({ clientId, cold: COLD, warm: WARM });
          const [report] = (await once(child, 'message')) as [RoundReport];
          return report;
        }),
      );
      if (round === 0) continue;
      requests.push(endpoint.requestsOf(clientId));
      cold.push(Math.max(...reports.map(({ coldMs }) => coldMs)));
      warm.push(median(reports.map(({ warmMs }) => warmMs / WARM)));
    }
    return {
      client,
      cache,
      requests: { least: Math.min(...requests), most: Math.max(...requests) },
      coldMs: median(cold),
      warmMs: median(warm),
    };
  } finally {
    await Promise.all(children.map(endProcess));
  }
}

async function startProcess(client: ClientName, place: ClientPlace): Promise<ChildProcess> {
  const script = fileURLToPath(new URL('token-process.js', import.meta.url));
  const child = fork(script, [JSON.stringify({ client, place })]);
  await once(child, 'message');
  return child;
}

async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.disconnect();
  const timer = setTimeout(() => child.kill('SIGKILL'), 5_000);
  await exited;
  clearTimeout(timer);
}

interface Endpoint {
  readonly url: string;
  requestsOf(clientId: string): number;
  close(): Promise<void>;
}

async function startEndpoint(): Promise<Endpoint> {
  const counts = new Map<string, number>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const clientId = new URLSearchParams(Buffer.concat(chunks).toString()).get('client_id') ?? '';
      counts.set(clientId, (counts.get(clientId) ?? 0) + 1);
      void sleep(ENDPOINT_MS).then(() => {
        response.setHeader('content-type', 'application/json');
        response.end(
          JSON.stringify({
            access_token: randomBytes(32).toString('hex'),
            token_type: 'Bearer',
            expires_in: 3600,
          }),
        );
      });
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/token`,
    requestsOf: (clientId) => counts.get(clientId) ?? 0,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
