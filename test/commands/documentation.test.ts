import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import type { CliContext } from '../../src/commands/cli-types.ts';
import { exitCodes, exitMeanings, type ExitName } from '../../src/commands/exit.ts';
import { createProgram } from '../../src/commands/program.ts';

const context: CliContext = { action: () => () => Promise.resolve() };
const program = await createProgram(context, () => {});

interface Documented {
  /** as it is typed: `sluice sync <id>` */
  readonly usage: string;
  readonly command: Command;
  readonly help: string;
}

/** Every command that does something; a mere group such as `keys` does not. */
const commands = [...leaves(program, 'sluice')];

function* leaves(parent: Command, path: string): Generator<Documented> {
  for (const command of parent.commands) {
    const name = `${path} ${command.name()}`;
    const words = command.registeredArguments.map((one) =>
      one.required ? ` <${one.name()}>` : ` [${one.name()}]`,
    );
    const isGroup = command.commands.length > 0 && words.length === 0;
    if (!isGroup) yield { usage: name + words.join(''), command, help: helpOf(command) };
    yield* leaves(command, name);
  }
}

function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({ writeOut: (part) => void (text += part) });
  command.outputHelp();
  return text;
}

const exitsOf = (help: string): string[] =>
  (/^Exit codes: (.+)$/m.exec(help)?.[1] ?? '').split('; ').filter((one) => one !== '');

/** Rows of the table under a heading of docs/commands.md, without its head. */
function rowsOf(heading: string): string[][] {
  const text = readFileSync(new URL('../../docs/commands.md', import.meta.url), 'utf8');
  const section = text.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  const lines = section.split('\n').filter((line) => line.startsWith('|'));
  return lines.slice(2).map((line) =>
    line
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

describe('the help', () => {
  it.each(commands)(
    'of $usage has a description, an example of it, and exit codes',
    ({ usage, command, help }) => {
      expect(command.description()).toMatch(/^\S.{10,}/);
      for (const option of command.options) expect(option.description, option.flags).not.toBe('');
      for (const argument of command.registeredArguments) expect(argument.description).not.toBe('');
      const words = usage.replace(/ [<[].*/, '').replace(/^sluice (start|demo)$/, 'npm (start|run demo)');
      expect(help).toMatch(new RegExp(`^Examples:\\n(  \\$ .*\\n)*  \\$ .*${words}`, 'm'));
      const meanings = Object.entries(exitCodes).map(
        ([name, code]) => `${code} ${exitMeanings[name as ExitName]}`,
      );
      expect(exitsOf(help).length).toBeGreaterThan(1);
      expect(meanings).toEqual(expect.arrayContaining(exitsOf(help)));
    },
  );
});

it.each(program.commands.map((command) => command.name()))(
  'sluice %s is the same where nothing else is loaded',
  async (name) => {
    const alone = await createProgram(context, () => {}, name);
    const of = (whole: Command): string[] =>
      whole.commands.flatMap((command) =>
        command.name() === name
          ? [helpOf(command), ...[...leaves(command, name)].map(({ help }) => help)]
          : [],
      );
    expect(of(alone)).toEqual(of(program));
    // its script speaks of all of them
    const others = name === 'completion' ? program.commands.length : 3;
    expect(alone.commands.length).toBeLessThanOrEqual(others);
  },
);

describe('docs/commands.md', () => {
  it('lists every exit code with its meaning, and no other', () => {
    expect(rowsOf('Exit codes')).toEqual(
      Object.entries(exitCodes).map(([name, code]) => [String(code), exitMeanings[name as ExitName]]),
    );
  });

  it('lists every command with its description and exit codes, and no other', () => {
    expect(rowsOf('All commands')).toEqual(
      commands.map(({ usage, command, help }) => [
        `\`${usage}\``,
        command.description(),
        exitsOf(help)
          .map((one) => one.split(' ')[0])
          .join(' '),
      ]),
    );
  });

  it('lists every option with its description, choices and default, and no other', () => {
    const helper = program.createHelp();
    expect(rowsOf('Options')).toEqual(
      commands.flatMap(({ usage, command }) =>
        command.options.map((option) => [
          `\`${usage.replace(/ [<[].*/, '')}\``,
          `\`${option.flags}\``,
          helper.optionDescription(option),
        ]),
      ),
    );
  });
});
