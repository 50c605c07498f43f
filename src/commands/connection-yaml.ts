/** A connection as it stands in sluice.yaml, with the name of a variable in the place of each credential. */
import { stringify } from 'yaml';
import { SluiceError } from '../errors.ts';
import type { Runtime } from '../runtime.ts';
import { findConnection } from '../store/connections.ts';
import { storedInput } from '../sync/load-connection.ts';

/** The keys of a form, in the order of the documentation. */
const SHOWN = ['settings', 'credentials', 'endpoints', 'streams', 'schedule', 'timezone'] as const;

export function connectionYaml(id: string, body: Readonly<Record<string, unknown>>): string {
  const shown: Record<string, unknown> = { provider: body.provider };
  for (const key of SHOWN) if (body[key] !== undefined && !isEmpty(body[key])) shown[key] = body[key];
  const { credentials } = shown;
  if (credentials !== undefined) shown.credentials = namesFor(id, Object.keys(credentials as object));
  return stringify({ connections: { [id]: shown } }, { lineWidth: 0 });
}

/** @throws SluiceError `not_found`, `vault_*` */
export async function storedYaml(runtime: Pick<Runtime, 'db' | 'vault'>, id: string): Promise<string> {
  const row = await findConnection(runtime.db.pool, id);
  if (row === undefined) throw new SluiceError('not_found', `There is no connection ${id}.`);
  const { provider, settings, credentials, endpoints, streams, schedule, timezone } = storedInput(
    row,
    runtime.vault,
  );
  const given = timezone === 'UTC' ? {} : { timezone };
  return connectionYaml(id, { provider, settings, credentials, endpoints, streams, schedule, ...given });
}

function namesFor(id: string, credentials: readonly string[]): Record<string, string> {
  const variable = (name: string): string =>
    `${id}-${name.replaceAll(/([A-Z])/g, '-$1')}`
      .replaceAll(/\W/g, '_')
      // no variable's name begins with a digit
      .replace(/^(?=\d)/, '_')
      .toUpperCase();
  return Object.fromEntries(credentials.map((name) => [name, `\${${variable(name)}}`]));
}

function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}
