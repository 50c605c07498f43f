/** `sluice mappings ID [set EXTERNAL OWN]`: the provider's organizations and locations, and the user's ids for them. */
import { SluiceError } from '../errors.ts';
import { audited } from '../store/audit.ts';
import { mappingsOf, setMappings } from '../sync/mappings.ts';
import type { Runtime } from '../runtime.ts';
import { commandActor } from './actor.ts';
import { help, type AddCommand } from './cli-types.ts';
import { exitCodes } from './exit.ts';
import { note, say, sayJson, table } from './io.ts';
import { knownConnection } from './known.ts';
import { withRuntime } from './session.ts';

const PAGE = 1000;

export const addMappings: AddCommand = (program, { action }) => {
  program
    .command('mappings')
    .argument('<id>', 'connection')
    .argument('[action]', 'set, or unset to take one away')
    .argument('[external]', "the provider's id")
    .argument('[own]', 'your id for it')
    .description("the provider's organizations and locations, and your own ids for them")
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      help(
        ['sluice mappings acme', 'sluice mappings acme set 01H8 shop-12', 'sluice mappings acme unset 01H8'],
        ['done', 'failed', 'usage', 'notFound'],
      ),
    )
    .action(
      action(async ([id = '', verb, external, own, ...more], options) => {
        const change = changeOf(verb, external, own, more);
        return withRuntime({}, async (runtime) => {
          const connection = await knownConnection(runtime, id);
          if (change !== undefined)
            await audited(
              runtime.db,
              { actor: commandActor(), action: 'mappings.set', connection: id, details: { mappings: 1 } },
              () => setMappings(runtime.db, connection, [change], { replace: false }),
            ).catch(asUsage);
          return list(runtime, connection, options.json === true);
        });
      }),
    );
};

function changeOf(
  verb: string | undefined,
  external: string | undefined,
  own: string | undefined,
  more: readonly string[],
): { readonly external: string; readonly own: string | null } | undefined {
  if (verb === undefined) return undefined;
  if (verb === 'set' && external !== undefined && own !== undefined && more.length === 0)
    return { external, own };
  if (verb === 'unset' && external !== undefined && own === undefined) return { external, own: null };
  throw new SluiceError('usage', 'Write `set EXTERNAL OWN`, `unset EXTERNAL`, or nothing.');
}

/** On a command line a wrong argument is wrong usage, and an id that nobody has is not found. */
function asUsage(error: unknown): never {
  if (!(error instanceof SluiceError) || error.code !== 'request_invalid') throw error;
  const code = error.details.unknown === undefined ? 'usage' : 'not_found';
  throw new SluiceError(code, error.message, { advice: error.advice });
}

async function list(
  runtime: Runtime,
  connection: Parameters<typeof mappingsOf>[1],
  json: boolean,
): Promise<number> {
  const data = [];
  let after: string | undefined;
  do {
    const page = await mappingsOf(runtime.db, connection, { after, limit: PAGE }).catch(asUsage);
    data.push(...page.data);
    after = page.next ?? undefined;
  } while (after !== undefined);
  if (json) sayJson({ data });
  else if (data.length === 0) {
    note(
      `No records of ${connection.provider.mappable?.join(' or ')} yet: run \`sluice sync ${connection.id}\`.`,
    );
  } else {
    say(
      table(
        ['EXTERNAL', 'OWN', 'NAME', 'STREAM'],
        data.map((row) => [row.external, row.own ?? '-', row.name ?? '-', row.stream ?? '(gone)']),
      ),
    );
  }
  return exitCodes.done;
}
