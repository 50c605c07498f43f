/**
 * Receives Sluice's notifications (Standard Webhooks), believes only those that Sluice signed just now, and deals with
 * each once. It needs nothing but Node: copy it, and put your own work into `handle`.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { existsSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { createServer } from 'node:http';

const { SLUICE_NOTIFY_SECRET, SEEN_FILE = 'seen.txt', HOST = '127.0.0.1', PORT = '8080' } = process.env;
if (!SLUICE_NOTIFY_SECRET) throw new Error('Set SLUICE_NOTIFY_SECRET as Sluice has it.');
// several while it is rotated: `whsec_…,whsec_…`
const keys = SLUICE_NOTIFY_SECRET.split(',').map((one) =>
  Buffer.from(one.trim().replace(/^whsec_/, ''), 'base64'),
);
/** Seconds that a message may be older or younger than our clock: what was recorded earlier is no good later. */
const TOLERANCE = 5 * 60;
const MAX_BYTES = 1024 * 1024;

/** Ids that were dealt with. Sluice repeats a message for three days at most, always under the same id. */
const seen = new Set(existsSync(SEEN_FILE) ? readFileSync(SEEN_FILE, 'utf8').split('\n') : []);
const file = openSync(SEEN_FILE, 'a', 0o600);

/**
 * Your work. A crash right after it makes the message come again: what is done here must bear being done twice, or be
 * committed together with the id, in your database instead of a file.
 */
async function handle({ type, timestamp, data }) {
  console.log(JSON.stringify({ type, timestamp, data }));
}

/** Whether Sluice sent exactly these bytes, and just now. */
function isGenuine(headers, body) {
  const { 'webhook-id': id, 'webhook-timestamp': time, 'webhook-signature': signatures } = headers;
  if (!id || !/^\d{1,12}$/.test(time ?? '') || !signatures) return false;
  if (Math.abs(Date.now() / 1000 - Number(time)) > TOLERANCE) return false;
  const wanted = keys.map((key) => createHmac('sha256', key).update(`${id}.${time}.`).update(body).digest());
  // one signature for each secret that the sender has
  return signatures.split(' ').some((one) => {
    const [version, text = ''] = one.split(',');
    const given = Buffer.from(text, 'base64');
    return (
      version === 'v1' && wanted.some((mac) => mac.length === given.length && timingSafeEqual(mac, given))
    );
  });
}

/** The bytes as they came: parsed and written again they would no longer be what was signed. */
async function readBody(request) {
  const parts = [];
  let size = 0;
  for await (const part of request) {
    size += part.length;
    if (size > MAX_BYTES) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/** Two deliveries of one message at the same moment wait for each other. */
let queue = Promise.resolve();

async function deliver(id, body) {
  if (seen.has(id)) return;
  await handle(JSON.parse(body.toString('utf8')));
  writeSync(file, `${id}\n`);
  fsyncSync(file);
  seen.add(id);
}

async function receive(request, response) {
  const answer = (status) => response.writeHead(status, { connection: 'close' }).end();
  try {
    if (request.method !== 'POST') return answer(405);
    const body = await readBody(request);
    if (body === undefined) return answer(413);
    if (!isGenuine(request.headers, body)) return answer(401);
    const work = queue.then(() => deliver(request.headers['webhook-id'], body));
    queue = work.catch(() => {});
    await work;
    answer(204);
  } catch (error) {
    // anything but 2xx: the message comes again
    console.error(error);
    answer(500);
  }
}

const server = createServer((request, response) => void receive(request, response));
server.listen(Number(PORT), HOST, () => console.error(`listening on ${HOST}:${server.address().port}`));
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => server.close());
