/**
 * A provider in a process of its own: a token endpoint, and a list of records cut into pages by `limit` and `page`. The
 * parent sets size and version of the data by message; pages of a small list are kept, so that making them costs
 * nobody's time while something is measured.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { recordText } from './records.ts';

export interface Data {
  readonly records: number;
  /** which of its states the list is in */
  readonly version: number;
  /** keeps pages after they were made; not for a list that is larger than memory */
  readonly keep: boolean;
}

let data: Data = { records: 0, version: 0, keep: true };
const kept = new Map<string, Buffer>();

function page(number: number, size: number): Buffer {
  const key = `${data.records} ${data.version} ${size} ${number}`;
  const known = kept.get(key);
  if (known !== undefined) return known;
  const first = (number - 1) * size;
  const last = Math.min(first + size, data.records);
  const items: string[] = [];
  for (let index = first; index < last; index += 1) items.push(recordText(index, data.version));
  const next = last < data.records ? `"/api/records?limit=${size}&page=${number + 1}"` : 'null';
  const body = Buffer.from(`{"items":[${items.join(',')}],"next":${next}}`);
  if (data.keep) kept.set(key, body);
  return body;
}

const server = createServer((request, response) => {
  request.resume();
  response.setHeader('content-type', 'application/json');
  const url = new URL(request.url ?? '/', 'http://127.0.0.1');
  if (url.pathname === '/token') {
    response.end(JSON.stringify({ access_token: 'a'.repeat(40), token_type: 'Bearer', expires_in: 3600 }));
    return;
  }
  const body = page(Number(url.searchParams.get('page') ?? 1), Number(url.searchParams.get('limit') ?? 100));
  response.setHeader('content-length', body.length);
  response.end(body);
});

server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }));
process.on('message', (message: Data) => {
  data = message;
  process.send?.({ set: true });
});
// the parent is gone
process.on('disconnect', () => process.exit(0));
