/**
 * Senders of webhooks in a process of their own. Closed loop: each connection sends the next message when it has its
 * answer, which shows how much goes through. Open loop: messages are due at fixed times whatever happened to those before,
 * and an answer's time counts from when its message was due, so that a stall shows in all who had to wait for it
 * (coordinated omission).
 */
import { Pool } from 'undici';
import { createMessages } from './webhook-messages.ts';

export interface LoadOrder {
  /** of the connection's webhooks, one for each web process */
  readonly urls: readonly string[];
  readonly bytes: number;
  readonly secret: string;
  readonly seconds: number;
  /** over all web processes */
  readonly connections: number;
  /** messages a second; undefined: closed loop */
  readonly rate?: number;
}

export interface LoadReport {
  /** from the first message to the last answer */
  readonly seconds: number;
  /** answers by status; `0`: none came */
  readonly answers: Readonly<Record<string, number>>;
  /** milliseconds */
  readonly p50: number;
  readonly p99: number;
  readonly slowest: number;
}

const TICK_MS = 1;

process.on('message', (order: LoadOrder) => void run(order).then((report) => process.send?.(report)));
process.on('disconnect', () => process.exit(0));
process.send?.('ready');

async function run(order: LoadOrder): Promise<LoadReport> {
  const next = createMessages(order.bytes, order.secret);
  const connections = Math.ceil(order.connections / order.urls.length);
  const targets = order.urls.map((text) => {
    const url = new URL(text);
    return { pool: new Pool(url.origin, { connections }), path: `${url.pathname}${url.search}` };
  });
  const times: number[] = [];
  const answers: Record<string, number> = {};
  const send = async (to: number, due: number): Promise<void> => {
    const target = targets[to % targets.length];
    if (target === undefined) return;
    const status = await target.pool
      .request({ method: 'POST', path: target.path, ...next() })
      .then(async ({ statusCode, body }) => {
        await body.dump();
        return statusCode;
      })
      .catch(() => 0);
    times.push(performance.now() - due);
    answers[status] = (answers[status] ?? 0) + 1;
  };
  const started = performance.now();
  await (order.rate === undefined ? closedLoop(order, send) : openLoop(order, order.rate, send));
  const seconds = (performance.now() - started) / 1000;
  await Promise.all(targets.map(({ pool }) => pool.close()));
  times.sort((a, b) => a - b);
  const at = (share: number): number => times[Math.floor(share * (times.length - 1))] ?? Number.NaN;
  return { seconds, answers, p50: at(0.5), p99: at(0.99), slowest: at(1) };
}

type Send = (to: number, due: number) => Promise<void>;

async function closedLoop({ connections, seconds }: LoadOrder, send: Send): Promise<void> {
  const end = performance.now() + seconds * 1000;
  await Promise.all(
    Array.from({ length: connections }, async (_, to) => {
      while (performance.now() < end) await send(to, performance.now());
    }),
  );
}

async function openLoop({ seconds }: LoadOrder, rate: number, send: Send): Promise<void> {
  const started = performance.now();
  const total = Math.round(seconds * rate);
  const sent: Promise<void>[] = [];
  while (sent.length < total) {
    for (;;) {
      const due = started + (sent.length * 1000) / rate;
      if (sent.length >= total || due > performance.now()) break;
      sent.push(send(sent.length, due));
    }
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  }
  await Promise.all(sent);
}
