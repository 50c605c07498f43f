/** What tells one message from another: the provider's id, or for a while its bytes, or nothing. */
import { isUtf8 } from 'node:buffer';
import { idText, parseExactJson } from '../exact-json.ts';
import type { WebhookIdentity } from '../providers/webhook-contract.ts';
import { sha256 } from '../store/inbox.ts';
import { fieldAt } from '../sync/field.ts';
import type { Presented } from './signature.ts';

export interface Identity {
  /** as far as it can be shown */
  readonly eventId: string | null;
  readonly dedupeKey: string;
  readonly keyLifeMs: number | null;
}

const HEADER = 'header:';
const SHOWN_CHARACTERS = 200;

/** `unique` is a text that no other message has. */
export function identify(
  identity: WebhookIdentity,
  message: Presented,
  bodyHash: Buffer,
  unique: string,
): Identity {
  const parts = idParts(identity, message);
  if (parts !== undefined) {
    return {
      eventId: shown(parts.join(' ')),
      // Hashed: of any length and any characters, an id fits into an index.
      dedupeKey: `id ${sha256(JSON.stringify(parts)).toString('hex')}`,
      keyLifeMs: null,
    };
  }
  if (identity.digestWindowMs === 0) return { eventId: null, dedupeKey: `one ${unique}`, keyLifeMs: null };
  return {
    eventId: null,
    dedupeKey: `digest ${bodyHash.toString('hex')}`,
    keyLifeMs: identity.digestWindowMs,
  };
}

/** Undefined where a part is missing: half an id could belong to two messages. */
function idParts(identity: WebhookIdentity, message: Presented): string[] | undefined {
  const inBody = identity.id.some((path) => !path.startsWith(HEADER));
  const body = inBody ? parsed(message.body) : undefined;
  const parts: string[] = [];
  for (const path of identity.id) {
    const value = path.startsWith(HEADER) ? message.header(path.slice(HEADER.length)) : fieldAt(body, path);
    const part = idText(value);
    if (part === undefined) return undefined;
    parts.push(part);
  }
  return parts.length === 0 ? undefined : parts;
}

function parsed(body: Buffer): unknown {
  // Replacing what is no UTF-8 would make different ids equal.
  if (!isUtf8(body)) return undefined;
  try {
    return parseExactJson(body);
  } catch {
    return undefined;
  }
}

/** Without what Postgres or a terminal can't take. */
export function shown(text: string): string {
  return text.slice(0, SHOWN_CHARACTERS).replace(/[\p{Cc}\p{Cf}]/gu, ' ');
}
