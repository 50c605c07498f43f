/** `sluice validate FILE`: everything that is wrong with a file, at once, without a database. */
import { resolve } from 'node:path';
import { configError, formatProblems, hasErrors, readConfigFile } from '../config/index.ts';
import { checkEndpoint } from '../net/hosts.ts';
import { providers } from '../providers/registry.ts';
import { validateConfigFile } from '../providers/validate.ts';
import { help, type AddCommand } from './cli-types.ts';
import { exitCodes } from './exit.ts';
import { note, say, sayJson } from './io.ts';
import { readEnvironment } from './session.ts';

export const addValidate: AddCommand = (program, { action }) => {
  program
    .command('validate')
    .argument('<file>', 'sluice.yaml')
    .description('check a file: every problem with its line and its fix')
    .option('--json', 'print one JSON document')
    .addHelpText('after', help(['sluice validate sluice.yaml'], ['done', 'usage']))
    .action(
      action(async ([file = ''], options) => {
        const environment = readEnvironment('offline');
        const path = resolve(file);
        const { connections, problems } = validateConfigFile(await readConfigFile(path), {
          path: file,
          env: process.env,
          providers,
          checkEndpoint: (url) => checkEndpoint(url, environment),
        });
        const ok = !hasErrors(problems);
        if (options.json === true) {
          const error = ok ? null : configError(problems, file).report();
          sayJson({ ok, connections: connections.map((connection) => connection.id), problems, error });
        } else {
          if (problems.length > 0) note(formatProblems(problems, file));
          if (ok) {
            say(`${file} is valid: ${connections.length} connection${connections.length === 1 ? '' : 's'}.`);
            for (const { id, customStreams } of connections)
              for (const { name, path: at } of customStreams)
                say(`  ${id} has a custom stream ${name}: ${at}`);
          }
        }
        return ok ? exitCodes.done : exitCodes.usage;
      }),
    );
};
