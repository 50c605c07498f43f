/** The JSON that a client sent, read whole and within a cap. */

import type { IncomingMessage } from 'node:http';

const MAX_BYTES = 1024 * 1024;

/** Undefined for what is no JSON object, or is larger than 1 MiB. */
export async function readJsonObject(
  request: IncomingMessage,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > MAX_BYTES) return undefined;
    parts.push(part);
  }
  try {
    const body: unknown = JSON.parse(Buffer.concat(parts).toString('utf8'));
    return typeof body === 'object' && body !== null && !Array.isArray(body)
      ? (body as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
