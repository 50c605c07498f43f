/** The encryption keys of the vault, as SLUICE_ENCRYPTION_KEYS lists them. */
import { createSecretKey, randomBytes, type KeyObject } from 'node:crypto';
import { SluiceError } from '../errors.ts';

export interface Keyring {
  /** id of the key that encrypts: the first one listed */
  readonly primaryKeyId: string;
  /** all keys by id; a `KeyObject` shows its bytes neither in logs nor in JSON */
  readonly keys: ReadonlyMap<string, KeyObject>;
}

const KEY_BYTES = 32;
const KEY_ID = /^[A-Za-z0-9_-]{1,32}$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/**
 * Reads `id:base64-of-32-bytes[,id:…]`. Problems are named by the position of the entry and repeat nothing of it,
 * because a mistake (a missing id, the two parts swapped) may put the key where the id should be.
 *
 * @throws SluiceError `config_invalid` with every problem in the message and in `details.problems`
 */
export function parseKeyring(text: string): Keyring {
  const keys = new Map<string, KeyObject>();
  const positions = new Map<string, number>();
  const problems: string[] = [];
  const entries = text.trim() === '' ? [] : text.split(',');
  if (entries.length === 0) problems.push('there is no key');

  let primaryKeyId = '';
  for (const [index, entry] of entries.entries()) {
    const name = `entry ${index + 1}`;
    const colon = entry.indexOf(':');
    if (colon === -1) {
      problems.push(entry.trim() === '' ? `${name} is empty` : `${name} has no id before a colon`);
      continue;
    }
    const id = entry.slice(0, colon).trim();
    const encoded = entry.slice(colon + 1).trim();
    if (id === '') problems.push(`${name} has an empty id`);
    else if (!KEY_ID.test(id)) {
      problems.push(`${name} has an id that is not 1 to 32 letters, digits, hyphens or underscores`);
    } else if (positions.has(id)) problems.push(`${name} has the same id as entry ${positions.get(id)}`);
    else positions.set(id, index + 1);

    const key = Buffer.from(encoded, 'base64');
    if (encoded === '') problems.push(`${name} has no key behind its colon`);
    else if (!BASE64.test(encoded)) problems.push(`${name} has a key that is not base64`);
    else if (key.length !== KEY_BYTES) {
      problems.push(`${name} has a key of ${key.length} bytes, it takes ${KEY_BYTES}`);
    } else {
      const secret = createSecretKey(key);
      for (const [otherId, other] of keys) {
        if (other.equals(secret))
          problems.push(`${name} has the same key as entry ${positions.get(otherId)}`);
      }
      if (positions.get(id) === index + 1) keys.set(id, secret);
    }
    key.fill(0);
    if (index === 0) primaryKeyId = id;
  }

  if (problems.length > 0) {
    throw new SluiceError('config_invalid', `The encryption keys can't be read: ${problems.join('; ')}.`, {
      advice:
        'Write each key as id:base64-of-32-bytes, with a comma between keys; `openssl rand -base64 32` makes one.',
      details: { problems },
    });
  }
  return { primaryKeyId, keys };
}

/** The keyring of keys that were read before; the first one encrypts. */
export function createKeyring(keys: readonly { readonly id: string; readonly key: Buffer }[]): Keyring {
  const [first] = keys;
  if (first === undefined) throw new SluiceError('config_invalid', 'There is no encryption key.');
  return { primaryKeyId: first.id, keys: new Map(keys.map(({ id, key }) => [id, createSecretKey(key)])) };
}

/** A new key as one entry of SLUICE_ENCRYPTION_KEYS, with a random id. */
export function generateKey(): string {
  return `k${randomBytes(4).toString('hex')}:${randomBytes(KEY_BYTES).toString('base64')}`;
}
