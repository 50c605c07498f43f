/** `sluice completion bash|zsh|fish`: a script for the shell, made from the commands as they are. */
import { Argument, type Command } from 'commander';
import { help, type AddCommand } from './cli-types.ts';
import { exitCodes } from './exit.ts';
import { say } from './io.ts';

const writers = { bash, zsh, fish } as const;
type Shell = keyof typeof writers;

export const addCompletion: AddCommand = (program, { action }) => {
  program
    .command('completion')
    .addArgument(new Argument('<shell>', 'your shell').choices(Object.keys(writers)))
    .description('print a script that completes commands and options in your shell')
    .addHelpText(
      'after',
      help(
        [
          'source <(sluice completion bash)',
          'sluice completion zsh > "${fpath[1]}/_sluice"',
          'sluice completion fish > ~/.config/fish/completions/sluice.fish',
        ],
        ['done', 'usage'],
      ),
    )
    .action(
      action(async ([shell = 'bash']) => {
        say(writers[shell as Shell]([...places(program, 'sluice')]));
        return exitCodes.done;
      }),
    );
};

interface Word {
  readonly word: string;
  readonly description: string;
}

/** One place on a command line, and what may follow there. */
interface Place {
  /** the commands so far: `sluice keys` */
  readonly path: string;
  readonly commands: readonly Word[];
  readonly options: readonly Word[];
  /** values of an argument that has choices */
  readonly values: readonly string[];
  /** values of options that have choices, and options whose value is anything */
  readonly optionValues: ReadonlyMap<string, readonly string[]>;
}

function* places(command: Command, path: string): Generator<Place> {
  const { options } = command;
  const values = command.registeredArguments[0]?.argChoices ?? [];
  yield {
    path,
    commands: command.commands.map((one) => ({ word: one.name(), description: one.description() })),
    options: [
      ...options.flatMap(({ long, description }) => (long ? [{ word: long, description }] : [])),
      { word: '--help', description: 'display help for command' },
    ],
    values,
    optionValues: new Map(
      options.flatMap(({ long, required, argChoices }) =>
        long && required ? [[long, argChoices ?? []]] : [],
      ),
    ),
  };
  for (const one of command.commands) yield* places(one, `${path} ${one.name()}`);
}

/** Quoted for any of the three shells; none of our texts holds a backslash. */
const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
const names = (words: readonly Word[]): string[] => words.map(({ word }) => word);

function bash(all: readonly Place[]): string {
  const paths = all.slice(1).map(({ path }) => quote(path));
  const words = all.map(
    ({ path, commands, options, values }) =>
      `    ${quote(path)}) words=${quote([...names(commands), ...values, ...names(options)].join(' '))} ;;`,
  );
  const values = all.flatMap(({ path, optionValues }) =>
    [...optionValues].map(
      ([option, choices]) => `    ${quote(`${path} ${option}`)}) words=${quote(choices.join(' '))} ;;`,
    ),
  );
  // compgen without mapfile: macOS still has bash 3.2
  return `# bash completion of sluice
_sluice() {
  local at=sluice words='' i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$at \${COMP_WORDS[i]}" in
      ${paths.join(' | ')}) at="$at \${COMP_WORDS[i]}" ;;
    esac
  done
  case "$at" in
${words.join('\n')}
  esac
  case "$at \${COMP_WORDS[COMP_CWORD - 1]}" in
${values.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o bashdefault -o default -F _sluice sluice`;
}

function zsh(all: readonly Place[]): string {
  const described = ({ word, description }: Word): string =>
    quote(`${word}:${description.replaceAll(':', '\\:')}`);
  const paths = all.slice(1).map(({ path }) => quote(path));
  const words = all.map(
    ({ path, commands, options, values }) =>
      `    ${quote(path)}) items=(${[
        ...commands.map(described),
        ...values.map((word) => quote(word)),
        ...options.map(described),
      ].join(' ')}) ;;`,
  );
  const values = all.flatMap(({ path, optionValues }) =>
    [...optionValues].map(
      ([option, choices]) =>
        `    ${quote(`${path} ${option}`)}) items=(${choices.map((one) => quote(one)).join(' ')}) ;;`,
    ),
  );
  return `#compdef sluice
_sluice() {
  local at=sluice i
  local -a items
  for ((i = 2; i < CURRENT; i++)); do
    case "$at \${words[i]}" in
      ${paths.join(' | ')}) at="$at \${words[i]}" ;;
    esac
  done
  case "$at" in
${words.join('\n')}
  esac
  case "$at \${words[CURRENT - 1]}" in
${values.join('\n')}
  esac
  _describe sluice items || _files
}
if [ "\${funcstack[1]}" = _sluice ]; then _sluice "$@"; else compdef _sluice sluice; fi`;
}

function fish(all: readonly Place[]): string {
  const lines = all.flatMap(({ path, commands, options, values, optionValues }) => {
    const here = `complete -c sluice -n ${quote(`__sluice_at '${path}'`).replaceAll(`'\\''`, `"`)}`;
    return [
      ...commands.map(({ word, description }) => `${here} -f -a ${word} -d ${quote(description)}`),
      ...(values.length === 0 ? [] : [`${here} -f -a ${quote(values.join(' '))}`]),
      ...options.map(({ word, description }) => {
        const choices = optionValues.get(word);
        const value =
          choices === undefined ? '' : choices.length === 0 ? ' -r' : ` -x -a ${quote(choices.join(' '))}`;
        return `${here} -l ${word.slice(2)}${value} -d ${quote(description)}`;
      }),
    ];
  });
  return `# fish completion of sluice
function __sluice_at
    set -l at sluice
    for word in (commandline -opc)[2..-1]
        if contains -- "$at $word" ${all
          .slice(1)
          .map(({ path }) => quote(path))
          .join(' ')}
            set at "$at $word"
        end
    end
    test "$at" = $argv[1]
end
${lines.join('\n')}`;
}
