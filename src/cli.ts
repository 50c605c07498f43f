#!/usr/bin/env node
/** The command line: runs one command, prints what went wrong, and sets the exit code. */
import { CommanderError, type Command } from 'commander';
import type { CliContext } from './commands/cli-types.ts';
import { exitCodeOf, exitCodes, printError } from './commands/exit.ts';
import { err, tolerateClosedPipes } from './commands/io.ts';
import { createProgram } from './commands/program.ts';
import { SluiceError } from './errors.ts';

const wantsJson = process.argv.includes('--json');

async function main(argv: readonly string[]): Promise<number> {
  let code: number = exitCodes.done;
  const context: CliContext = {
    action:
      (work) =>
      async (...args) => {
        // commander calls with the arguments, the options, and the command itself
        const options = (args.at(-1) as Command).optsWithGlobals();
        const words = args
          .slice(0, -2)
          .flat()
          .filter((word) => word !== undefined) as string[];
        code = await work(words, options);
      },
  };
  const complain = (text: string): void => void (wantsJson ? undefined : err.write(text));
  try {
    const program = await createProgram(context, complain, argv[2]);
    await program.parseAsync(argv);
    return code;
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return exitCodes.done;
      if (wantsJson) printError(usageError(error), true);
      return exitCodes.usage;
    }
    printError(error, wantsJson);
    return exitCodeOf(error);
  }
}

/** Commander's words in the shape of the catalogue. */
function usageError(error: CommanderError): SluiceError {
  // the command was left out, and its help was shown instead
  if (error.code === 'commander.help') return new SluiceError('usage', 'Name a command.');
  const [said = '', ...more] = error.message.replace(/^error: /, '').split('\n');
  return new SluiceError('usage', [said, ...more].join(' '));
}

tolerateClosedPipes();
process.on('uncaughtException', (error) => {
  printError(error, wantsJson);
  process.exit(exitCodeOf(error));
});
process.exitCode = await main(process.argv);
