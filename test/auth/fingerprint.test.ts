import { expect, it } from 'vitest';
import { fingerprint } from '../../src/auth/fingerprint.ts';

it('a fingerprint is the first 12 hex digits of the SHA-256, of the UTF-8 bytes', () => {
  // the first is the example of FIPS 180-4
  expect(fingerprint('abc')).toBe('ba7816bf8f01');
  expect(fingerprint('')).toBe('e3b0c44298fc');
  expect(fingerprint('é')).not.toBe(fingerprint('e'));
});
