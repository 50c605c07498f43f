/** A connection as it stands in sluice.yaml, with the name of a variable in the place of each secret. */
import { stringify } from 'yaml';
import { connectionBody } from '../config/index.ts';
import { SluiceError } from '../errors.ts';
import type { Runtime } from '../runtime.ts';
import { findConnection } from '../store/connections.ts';
import { storedInput } from '../sync/load-connection.ts';

/** `body` is what stands below the id; what is empty in it is left out. */
export function connectionYaml(id: string, body: Readonly<Record<string, unknown>>): string {
  const shown = Object.fromEntries(Object.entries(body).filter(([, value]) => !isEmpty(value)));
  if (shown.credentials !== undefined) shown.credentials = namesFor(id, shown.credentials as object);
  return stringify({ connections: { [id]: shown } }, { lineWidth: 0 });
}

/** @throws SluiceError `not_found`, `vault_*` */
export async function storedYaml(runtime: Pick<Runtime, 'db' | 'vault'>, id: string): Promise<string> {
  const row = await findConnection(runtime.db.pool, id);
  if (row === undefined) throw new SluiceError('not_found', `There is no connection ${id}.`);
  return connectionYaml(id, connectionBody(storedInput(row, runtime.vault)));
}

/** `${ACME_CLIENT_SECRET}`; of several under one name the others have a number. */
function namesFor(id: string, credentials: object): Record<string, string | string[]> {
  const variable = (name: string): string =>
    `${id}-${name.replaceAll(/([A-Z])/g, '-$1')}`
      .replaceAll(/\W/g, '_')
      // no variable's name begins with a digit
      .replace(/^(?=\d)/, '_')
      .toUpperCase();
  return Object.fromEntries(
    Object.entries(credentials).map(([name, value]) => [
      name,
      Array.isArray(value)
        ? value.map((_, index) => `\${${variable(name)}${index === 0 ? '' : `_${index + 1}`}}`)
        : `\${${variable(name)}}`,
    ]),
  );
}

function isEmpty(value: unknown): boolean {
  return (
    value === undefined || (typeof value === 'object' && value !== null && Object.keys(value).length === 0)
  );
}
