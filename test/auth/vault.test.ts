import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { generateKey, parseKeyring } from '../../src/auth/keyring.ts';
import { createVault } from '../../src/auth/vault.ts';
import { SluiceError } from '../../src/errors.ts';

const base64 = (fill: number, bytes = 32): string => Buffer.alloc(bytes, fill).toString('base64');
const OLD = base64(1);
const NEW = base64(2);
const vaultOf = (text: string) => createVault(parseKeyring(text));
const row = 'connection:acme:credentials';

function failure(action: () => unknown): SluiceError {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(SluiceError);
    return error as SluiceError;
  }
  throw new Error('nothing was thrown');
}

/** The base64url digit after this one: its lowest bit is set where this one's is not. */
function nextDigit(digit: string): string {
  const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return digits[digits.indexOf(digit) + 1] ?? '';
}

describe('the keyring', () => {
  it('takes the first key for encryption and keeps them all, whatever white space stands between', () => {
    const keyring = parseKeyring(` new:${NEW} ,\n old:${OLD}\n`);
    expect(keyring.primaryKeyId).toBe('new');
    expect([...keyring.keys.keys()]).toEqual(['new', 'old']);
    expect(keyring.keys.get('old')?.export()).toEqual(Buffer.alloc(32, 1));
  });

  it.each([
    ['', ['there is no key']],
    ['  ', ['there is no key']],
    [NEW, ['entry 1 has no id before a colon']],
    [`a:${NEW},`, ['entry 2 is empty']],
    [`:${NEW}`, ['entry 1 has an empty id']],
    [`a b:${NEW}`, ['entry 1 has an id that is not 1 to 32 letters, digits, hyphens or underscores']],
    [
      `${'x'.repeat(33)}:${NEW}`,
      ['entry 1 has an id that is not 1 to 32 letters, digits, hyphens or underscores'],
    ],
    ['a:', ['entry 1 has no key behind its colon']],
    ['a:not base64!', ['entry 1 has a key that is not base64']],
    [`a:${NEW.slice(0, -1)}`, ['entry 1 has a key that is not base64']],
    [`a:${base64(3, 31)}`, ['entry 1 has a key of 31 bytes, it takes 32']],
    [`a:${base64(3, 33)}`, ['entry 1 has a key of 33 bytes, it takes 32']],
    [`a:${NEW},b:${OLD},a:${base64(3)}`, ['entry 3 has the same id as entry 1']],
    [`a:${NEW},b:${NEW}`, ['entry 2 has the same key as entry 1']],
    [
      `:${NEW},b:x,c`,
      ['entry 1 has an empty id', 'entry 2 has a key that is not base64', 'entry 3 has no id before a colon'],
    ],
  ])('refuses %j with every problem, and repeats nothing of it', (text, problems) => {
    const error = failure(() => parseKeyring(text));
    expect(error).toMatchObject({ code: 'config_invalid', kind: 'config', details: { problems } });
    for (const problem of problems) expect(error.message).toContain(problem);
    for (const part of text.split(/[:,]/).filter((piece) => piece.length > 4)) {
      expect(inspect(error)).not.toContain(part);
    }
  });

  it('refuses swapped parts without showing the key', () => {
    const error = failure(() => parseKeyring(`${NEW}:primary`));
    expect(inspect(error)).not.toContain(NEW);
  });

  it('shows no key when it is printed', () => {
    const keyring = parseKeyring(`a:${NEW}`);
    expect(
      inspect(keyring, { depth: 9, showHidden: true }) + JSON.stringify([...keyring.keys]),
    ).not.toContain(NEW);
  });

  it('generates keys that it can read, a new one each time', () => {
    const [first, second] = [generateKey(), generateKey()];
    expect(first).not.toBe(second);
    expect(parseKeyring(`${first},${second}`).keys.size).toBe(2);
  });
});

describe('the vault', () => {
  it.each(['', 'secret', 'Grüße 漢字 🗝️ \u0000 \ufeff', '{"clientSecret":"x"}', 'x'.repeat(1_000_000)])(
    'gives back what it took',
    (text) => {
      const vault = vaultOf(`a:${NEW}`);
      expect(vault.decrypt(vault.encrypt(text, row), row)).toBe(text);
    },
  );

  it('writes the version, the key id and base64url, and nothing of the text', () => {
    const ciphertext = vaultOf(`key_1-A:${NEW}`).encrypt('hunter2', row);
    expect(ciphertext).toMatch(/^v1\.key_1-A\.[A-Za-z0-9_-]+$/);
    const sealed = Buffer.from(ciphertext.split('.')[2] ?? '', 'base64url');
    expect(sealed).toHaveLength(12 + 7 + 16);
    expect(sealed.includes('hunter2')).toBe(false);
  });

  it('encrypts the same text differently each time', () => {
    const vault = vaultOf(`a:${NEW}`);
    const heads = Array.from({ length: 1000 }, () => vault.encrypt('same', row).slice(0, 21));
    expect(new Set(heads).size).toBe(1000);
  });

  it('refuses a lone surrogate rather than store another text', () => {
    expect(() => vaultOf(`a:${NEW}`).encrypt('\ud800', row)).toThrow(TypeError);
  });

  it('notices a change of any single character', () => {
    const vault = vaultOf(`a:${NEW},b:${OLD}`);
    const ciphertext = vault.encrypt('secret', row);
    for (let at = 0; at < ciphertext.length; at += 1) {
      const other = ciphertext[at] === 'A' ? 'B' : 'A';
      const changed = ciphertext.slice(0, at) + other + ciphertext.slice(at + 1);
      expect(failure(() => vault.decrypt(changed, row)).code).toBe(
        at === 3 ? 'vault_key_missing' : 'vault_corrupt',
      );
    }
  });

  it.each([
    ['the id of another known key', (text: string) => text.replace('v1.a.', 'v1.b.')],
    ['another version', (text: string) => text.replace('v1.', 'v2.')],
    ['a cut end', (text: string) => text.slice(0, -4)],
    ['a cut start', (text: string) => text.replace(/^v1\.a\...../, 'v1.a.')],
    ['something appended', (text: string) => `${text}AAAA`],
    // 7 + 28 bytes leave bits behind the last one, which plain base64 decoding ignores
    ['bits set behind the last byte', (text: string) => text.slice(0, -1) + nextDigit(text.at(-1) ?? '')],
    ['a line break', (text: string) => `${text}\n`],
    ['nothing but an iv', (text: string) => text.slice(0, 'v1.a.'.length + 16)],
    ['no body', () => 'v1.a.'],
    ['an empty text', () => ''],
    ['plain text', () => 'hunter2'],
  ])('calls %s corrupt', (_, change) => {
    const vault = vaultOf(`a:${NEW},b:${OLD}`);
    const changed = change(vault.encrypt('hunter2', row));
    const error = failure(() => vault.decrypt(changed, row));
    expect(error).toMatchObject({ code: 'vault_corrupt', kind: 'data', details: { identity: row } });
    expect(inspect(error)).not.toContain('hunter2');
  });

  it('does not open a ciphertext that was moved to another row', () => {
    const vault = vaultOf(`a:${NEW}`);
    const ciphertext = vault.encrypt('secret', 'connection:acme:credentials');
    for (const other of [
      'connection:beta:credentials',
      'connection:acme:credentials:',
      'connection:acme',
      '',
    ]) {
      expect(failure(() => vault.decrypt(ciphertext, other)).code).toBe('vault_corrupt');
    }
  });

  it('names the key that is missing, and how to bring it back', () => {
    const ciphertext = vaultOf(`old:${OLD}`).encrypt('hunter2', row);
    const error = failure(() => vaultOf(`new:${NEW}`).decrypt(ciphertext, row));
    expect(error).toMatchObject({ code: 'vault_key_missing', kind: 'config', details: { keyId: 'old' } });
    expect(error.message).toContain('"old"');
    expect(error.advice).toContain('SLUICE_ENCRYPTION_KEYS');
    for (const secret of [OLD, NEW, 'hunter2']) expect(inspect(error)).not.toContain(secret);
  });

  it('refuses a known id with other key bytes', () => {
    const ciphertext = vaultOf(`a:${OLD}`).encrypt('secret', row);
    expect(failure(() => vaultOf(`a:${NEW}`).decrypt(ciphertext, row)).code).toBe('vault_corrupt');
  });

  it('rotates: old keys open, the first one encrypts, and it tells which texts wait', () => {
    const before = vaultOf(`old:${OLD}`).encrypt('secret', row);
    const vault = vaultOf(`new:${NEW},old:${OLD}`);
    expect(vault.primaryKeyId).toBe('new');
    expect(vault.keyIdOf(before)).toBe('old');
    expect(vault.needsRotation(before)).toBe(true);
    const after = vault.encrypt(vault.decrypt(before, row), row);
    expect(vault.keyIdOf(after)).toBe('new');
    expect(vault.needsRotation(after)).toBe(false);
    expect(vaultOf(`new:${NEW}`).decrypt(after, row)).toBe('secret');
    expect(failure(() => vault.needsRotation('hunter2')).code).toBe('vault_corrupt');
  });
});
