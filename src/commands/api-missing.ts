/** What `/v1` answers about what isn't there. */
import { suggest } from '../config/index.ts';
import { SluiceError } from '../errors.ts';

/** `known`: names, one of which may have been meant. `list`: the route that lists them. */
export function noSuch(what: string, name: string, known: readonly string[], list: string): SluiceError {
  const near = suggest(name, known);
  const guess = near === undefined ? '.' : `; did you mean ${near}?`;
  return new SluiceError('not_found', `There is no ${what} ${name}${guess}`, {
    advice: `See what there is with GET ${list}.`,
  });
}
