import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createProgram } from '../../src/commands/program.ts';
import { runSluice } from '../support/process.ts';

let cwd: string;
beforeAll(async () => {
  cwd = mkdtempSync(join(tmpdir(), 'sluice-completion-'));
  writeFileSync(join(cwd, 'bash'), await print('bash'));
});
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

async function print(shell: string): Promise<string> {
  const { code, stdout, stderr } = await runSluice(['completion', shell], { cwd });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}

/** What bash offers after these words; the last one is being typed. */
function complete(...words: string[]): string[] {
  const test = `source ./bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _sluice; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync('bash', ['-c', test, 'bash', 'sluice', ...words], { cwd, encoding: 'utf8' })
    .split('\n')
    .filter(Boolean);
}

it('bash completes commands, their own commands and options, and values that are a choice', () => {
  expect(complete('con')).toEqual(['connections', 'connect']);
  expect(complete('')).toEqual(expect.arrayContaining(['sync', 'doctor', 'completion', '--help']));
  expect(complete('keys', '')).toEqual(['rotate', '--help']);
  expect(complete('connections', 'remove', 'acme', '--p')).toEqual(['--purge']);
  expect(complete('sync', 'acme', '--d')).toEqual(['--dry-run']);
  expect(complete('records', 'acme', 'employees', '--format', '')).toEqual(['ndjson', 'json', 'csv']);
  expect(complete('completion', 'z')).toEqual(['zsh']);
  // a value that may be anything is left to the shell
  expect(complete('sync', 'acme', '--timeout', '')).toEqual([]);
});

it('zsh and fish know every command and option', async () => {
  const program = await createProgram({ action: () => () => Promise.resolve() }, () => {});
  const [zsh, fish] = await Promise.all([print('zsh'), print('fish')]);
  expect(zsh.startsWith('#compdef sluice\n')).toBe(true);
  for (const command of program.commands) {
    expect(zsh).toContain(`'${command.name()}:`);
    expect(fish).toContain(` -f -a ${command.name()} -d `);
    for (const { long } of command.options) {
      expect(zsh).toContain(`'${long}:`);
      expect(fish).toContain(` -l ${long?.slice(2)}`);
    }
  }
});
