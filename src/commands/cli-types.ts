/** The shape that every command file has: it adds itself to the program. */
import type { Command } from 'commander';
import { exitCodes, exitMeanings, type ExitName } from './exit.ts';

export type AddCommand = (program: Command, context: CliContext) => void;

export interface CliContext {
  /**
   * Wraps a command's action: its result is the exit code, and whatever it throws is printed as an error of the
   * catalogue. The options are the command's own and those of the command above it.
   */
  readonly action: (
    work: (args: readonly string[], options: Readonly<Record<string, unknown>>) => Promise<number>,
  ) => (...args: unknown[]) => Promise<void>;
}

/** Text under a command's help: examples, and the exit codes that it may end with. */
export function help(examples: readonly string[], exits: readonly ExitName[]): string {
  const lines = examples.map((line) => `  $ ${line}`).join('\n');
  const codes = exits.map((name) => `${exitCodes[name]} ${exitMeanings[name]}`).join('; ');
  return `\nExamples:\n${lines}\n\nExit codes: ${codes}\n`;
}
