/**
 * The least that an honest intake can be: Node's own HTTP server, the HMAC over the bytes, compared in constant time, and
 * the same insert into a table of the same shape; 200 after the commit. No routes, no limits, no dedupe by the message's
 * id, no second look at anything. `grouped`: what arrives while a commit is under way shares the next one.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import pg from 'pg';
import { sha256 } from '../src/store/inbox.ts';

export interface FloorPlace {
  readonly databaseUrl: string;
  readonly secret: string;
  readonly grouped: boolean;
}

interface Row {
  readonly values: readonly [string, string, string, Buffer, Buffer];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

const { databaseUrl, secret, grouped } = JSON.parse(process.argv[2] ?? '{}') as FloorPlace;
/** pg's own default for statements of their own; two for groups, as ours */
const PARALLEL = grouped ? 2 : 10;
const MOST_ROWS = grouped ? 200 : 1;
const pool = new pg.Pool({ connectionString: databaseUrl, max: PARALLEL });
let waiting: Row[] = [];
let underWay = 0;

async function store(rows: readonly Row[]): Promise<void> {
  try {
    await pool.query({
      name: 'floor',
      text: `insert into floor_events (id, connection_id, dedupe_key, body, body_hash)
             select * from unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::bytea[])
             on conflict (connection_id, dedupe_key) do nothing`,
      values: [0, 1, 2, 3, 4].map((column) => rows.map(({ values }) => values[column])),
    });
    for (const { resolve } of rows) resolve();
  } catch (error) {
    for (const { reject } of rows) reject(error);
  }
}

function next(): void {
  while (underWay < PARALLEL && waiting.length > 0) {
    const rows = waiting.slice(0, MOST_ROWS);
    waiting = waiting.slice(MOST_ROWS);
    underWay += 1;
    void store(rows).finally(() => {
      underWay -= 1;
      next();
    });
  }
}

async function receive(request: IncomingMessage): Promise<number> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  const { 'lucca-timestamp': timestamp, 'lucca-signature': signature } = request.headers;
  const expected = createHmac('sha256', secret)
    .update(`${String(timestamp)}.`)
    .update(body)
    .digest();
  const given = Buffer.from(String(signature), 'base64');
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return 401;
  const hash = sha256(body);
  const id = `e${Date.now().toString(16).padStart(12, '0')}${randomBytes(8).toString('hex')}`;
  await new Promise<void>((resolve, reject) => {
    const key = `digest ${hash.toString('hex')}`;
    waiting.push({ values: [id, 'bench', key, body, hash], resolve, reject });
    next();
  });
  return 200;
}

const server = createServer((request, response) => {
  void receive(request)
    .catch(() => 503)
    .then((status) => response.writeHead(status, { 'content-length': 0 }).end());
});
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }));
process.on('disconnect', () => process.exit(0));
