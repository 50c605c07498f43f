/** The vault: encrypts the secrets that stand in Postgres and Redis, each bound to the row that it belongs to. */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { SluiceError } from '../errors.ts';
import type { Keyring } from './keyring.ts';

export interface Vault {
  /** id of the key that encrypts */
  readonly primaryKeyId: string;
  /**
   * Ciphertext as text, `v1.<key id>.<base64url of iv, ciphertext and tag>`; different on every call.
   *
   * @param identity names the row and column, such as `connection:acme:credentials`; decryption needs the same one
   * @throws TypeError where the text holds a lone surrogate, which UTF-8 can't carry
   */
  encrypt(plaintext: string, identity: string): string;
  /**
   * @throws SluiceError `vault_key_missing` (config) where the keyring doesn't hold its key, `vault_corrupt` (data)
   *   where it was changed, cut, or stood in another row
   */
  decrypt(ciphertext: string, identity: string): string;
  /** @throws SluiceError `vault_corrupt` for what is no ciphertext */
  keyIdOf(ciphertext: string): string;
  /** Whether another key than the first encrypted it. @throws SluiceError `vault_corrupt` for what is no ciphertext */
  needsRotation(ciphertext: string): boolean;
}

const VERSION = 'v1';
const ALGORITHM = 'aes-256-gcm';
/**
 * 96 random bits. NIST SP 800-38D, section 8.3, allows 2^32 encryptions under one key with random IVs, before the chance
 * of a repeated one passes 2^-32. A thousand encryptions a second would take 49 days to get there; Sluice makes one for each
 * token that is refreshed and each credential that is saved. Put a new key first long before that.
 */
const IV_BYTES = 12;
const TAG_BYTES = 16;
const FORMAT = /^v1\.([A-Za-z0-9_-]{1,32})\.([A-Za-z0-9_-]+)$/;

export function createVault(keyring: Keyring): Vault {
  const { primaryKeyId, keys } = keyring;

  const keyOf = (id: string, identity: string) => {
    const key = keys.get(id);
    if (key !== undefined) return key;
    throw new SluiceError(
      'vault_key_missing',
      `The secret ${JSON.stringify(identity)} is encrypted with the key "${id}", which is not among the encryption keys.`,
      { details: { keyId: id, identity } },
    );
  };

  return {
    primaryKeyId,
    encrypt(plaintext, identity) {
      const bytes = Buffer.from(plaintext, 'utf8');
      if (bytes.toString('utf8') !== plaintext) throw new TypeError('the text holds a lone surrogate');
      const iv = randomBytes(IV_BYTES);
      const cipher = createCipheriv(ALGORITHM, keyOf(primaryKeyId, identity), iv, {
        authTagLength: TAG_BYTES,
      });
      cipher.setAAD(boundTo(primaryKeyId, identity));
      const sealed = Buffer.concat([iv, cipher.update(bytes), cipher.final(), cipher.getAuthTag()]);
      return `${VERSION}.${primaryKeyId}.${sealed.toString('base64url')}`;
    },
    decrypt(ciphertext, identity) {
      const { keyId, sealed } = parse(ciphertext, identity);
      const key = keyOf(keyId, identity);
      const decipher = createDecipheriv(ALGORITHM, key, sealed.subarray(0, IV_BYTES), {
        authTagLength: TAG_BYTES,
      });
      decipher.setAAD(boundTo(keyId, identity));
      decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
      try {
        const opened = [decipher.update(sealed.subarray(IV_BYTES, -TAG_BYTES)), decipher.final()];
        return Buffer.concat(opened).toString('utf8');
      } catch {
        // the only failure left is the tag: OpenSSL's own message says no more
        throw corrupt('does not open: it was changed, or belongs to another row or key', identity);
      }
    },
    keyIdOf: (ciphertext) => parse(ciphertext).keyId,
    needsRotation: (ciphertext) => parse(ciphertext).keyId !== primaryKeyId,
  };
}

/** The additional authenticated data. JSON keeps the parts apart whatever they contain. */
function boundTo(keyId: string, identity: string): Buffer {
  return Buffer.from(JSON.stringify([VERSION, keyId, identity]));
}

function parse(ciphertext: string, identity?: string): { keyId: string; sealed: Buffer } {
  const [, keyId, encoded] = FORMAT.exec(ciphertext) ?? [];
  if (keyId === undefined || encoded === undefined)
    throw corrupt('is not in the form of a ciphertext', identity);
  const sealed = Buffer.from(encoded, 'base64url');
  // bits behind the last byte would let two texts stand for one ciphertext
  if (sealed.toString('base64url') !== encoded) throw corrupt('is not in the form of a ciphertext', identity);
  if (sealed.length < IV_BYTES + TAG_BYTES) throw corrupt('is too short', identity);
  return { keyId, sealed };
}

function corrupt(what: string, identity?: string): SluiceError {
  const subject = identity === undefined ? 'A stored secret' : `The secret ${JSON.stringify(identity)}`;
  return new SluiceError(
    'vault_corrupt',
    `${subject} ${what}.`,
    identity === undefined ? {} : { details: { identity } },
  );
}
