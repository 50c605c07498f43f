/** What a person typed into the form of a connection, and the configuration that it makes. */
import { endpointKeys } from '../../providers/contract.ts';
import type { SentForm } from '../form.ts';
import type { ProviderForm } from '../steering-contract.ts';

export interface ConnectionValues {
  readonly id: string;
  readonly settings: Readonly<Record<string, string>>;
  readonly credentials: Readonly<Record<string, string>>;
  readonly endpoints: Readonly<Record<string, string>>;
  readonly streams: readonly string[];
  readonly schedule: string;
  readonly timezone: string;
}

export const emptyValues: ConnectionValues = {
  id: '',
  settings: {},
  credentials: {},
  endpoints: {},
  streams: [],
  schedule: '',
  timezone: '',
};

export function readValues(provider: ProviderForm, form: SentForm): ConnectionValues {
  const text = (name: string): string => (form.one(name) ?? '').trim();
  const group = (name: string, fields: readonly { readonly name: string }[]): Record<string, string> =>
    Object.fromEntries(
      fields.flatMap((field) => {
        const value = text(`${name}.${field.name}`);
        return value === '' ? [] : [[field.name, value]];
      }),
    );
  return {
    id: text('id'),
    settings: group('settings', provider.settings),
    credentials: group('credentials', provider.credentials),
    endpoints: group(
      'endpoints',
      endpointKeys.map((key) => ({ name: key })),
    ),
    streams: form.all('streams'),
    schedule: text('schedule'),
    timezone: text('timezone'),
  };
}

/** What stands below the id in sluice.yaml; an empty field is left out, as it would be there. */
export function bodyOf(provider: ProviderForm, values: ConnectionValues): Record<string, unknown> {
  const { settings, credentials, endpoints, streams, schedule, timezone } = values;
  return {
    provider: provider.id,
    settings,
    credentials,
    ...(Object.keys(endpoints).length === 0 ? {} : { endpoints }),
    ...(streams.length === 0 ? {} : { streams }),
    ...(schedule === '' ? {} : { schedule }),
    ...(timezone === '' ? {} : { timezone }),
  };
}

/** Of the credentials only this one may go back to the browser: it names an application, and opens nothing. */
const NO_SECRET = 'clientId';

export function isSecret(credential: string): boolean {
  return credential !== NO_SECRET;
}
