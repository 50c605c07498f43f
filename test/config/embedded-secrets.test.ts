import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ensureEmbeddedSecrets } from '../../src/config/index.ts';

let root: string;
let dataDir: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'sluice-secrets-'));
  dataDir = join(root, 'nested', 'data');
});
afterEach(() => {
  rmSync(root, { recursive: true });
});

const options = { random: randomBytes };
const file = () => join(dataDir, 'secrets.json');

it('makes all four secrets once, and finds them again', async () => {
  const first = await ensureEmbeddedSecrets(dataDir, options);
  expect(first.created).toEqual(['encryptionKeys', 'apiKeys', 'adminPassword', 'sessionSecret']);
  expect(first.encryptionKeys[0]?.key).toHaveLength(32);
  expect(first.apiKeys[0]?.length).toBeGreaterThanOrEqual(16);
  expect(first.sessionSecret.length).toBeGreaterThanOrEqual(32);
  expect(first.warnings).toEqual([]);
  expect(await ensureEmbeddedSecrets(dataDir, options)).toEqual({ ...first, created: [] });
});

it('keeps them in a file of mode 0600 in a folder of mode 0700, and nothing beside it', async () => {
  await ensureEmbeddedSecrets(dataDir, options);
  expect(statSync(file()).mode & 0o777).toBe(0o600);
  expect(statSync(dataDir).mode & 0o777).toBe(0o700);
  expect(readdirSync(dataDir)).toEqual(['secrets.json']);
});

it('gives all that start at once the same secrets, and exactly one is told that it made them', async () => {
  const all = await Promise.all(Array.from({ length: 24 }, () => ensureEmbeddedSecrets(dataDir, options)));
  expect(new Set(all.map((secrets) => JSON.stringify({ ...secrets, created: [] }))).size).toBe(1);
  expect(all.filter(({ created }) => created.length > 0)).toHaveLength(1);
  expect(readdirSync(dataDir)).toEqual(['secrets.json']);
});

it('lets the environment win, and goes on decrypting with the key of the file', async () => {
  const made = await ensureEmbeddedSecrets(dataDir, options);
  const own = { id: 'own', key: randomBytes(32) };
  const given = { encryptionKeys: [own], apiKeys: ['mine'], adminPassword: 'pw', sessionSecret: undefined };
  expect(await ensureEmbeddedSecrets(dataDir, { ...options, given })).toMatchObject({
    encryptionKeys: [own, ...made.encryptionKeys],
    apiKeys: ['mine'],
    adminPassword: 'pw',
    sessionSecret: made.sessionSecret,
  });
});

it('does not claim to have made what the environment sets', async () => {
  const given = { encryptionKeys: [], apiKeys: [], adminPassword: 'pw', sessionSecret: undefined };
  const { created } = await ensureEmbeddedSecrets(dataDir, { ...options, given });
  expect(created).toEqual(['encryptionKeys', 'apiKeys', 'sessionSecret']);
});

it('warns of a file or folder that was opened to others', async () => {
  await ensureEmbeddedSecrets(dataDir, options);
  chmodSync(file(), 0o644);
  chmodSync(dataDir, 0o777);
  expect((await ensureEmbeddedSecrets(dataDir, options)).warnings).toMatchObject([
    { severity: 'warning', where: file(), fix: `Run: chmod 600 ${file()}` },
    { severity: 'warning', where: dataDir },
  ]);
});

it.each(['', '{', '{"encryptionKey":{"id":"x","key":"short"}}'])(
  'refuses a damaged file (%j) instead of replacing the only key',
  async (text) => {
    await ensureEmbeddedSecrets(dataDir, options);
    writeFileSync(file(), text);
    await expect(ensureEmbeddedSecrets(dataDir, options)).rejects.toMatchObject({
      code: 'config_invalid',
      details: { problems: [{ where: file(), message: 'is damaged' }] },
    });
    expect(readFileSync(file(), 'utf8')).toBe(text);
  },
);

it('names the file when the folder cannot be made', async () => {
  writeFileSync(join(root, 'nested'), 'a file where a folder should be');
  await expect(ensureEmbeddedSecrets(dataDir, options)).rejects.toMatchObject({ code: 'config_invalid' });
});
