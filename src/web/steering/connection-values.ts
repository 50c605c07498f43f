/** What a person typed into the form of a connection, and the configuration that it makes. */
import { endpointKeys } from '../../providers/contract.ts';
import type { ConnectionEdit } from '../../sync/edit-connection.ts';
import { isSecret, type SecretEdit } from '../../sync/edit-secrets.ts';
import type { SentForm } from '../form.ts';
import type { ProviderForm } from '../steering-contract.ts';

export const emptyValues: ConnectionEdit = {
  settings: {},
  credentials: {},
  secrets: {},
  endpoints: {},
  streams: [],
  schedule: '',
  timezone: '',
};

/** The fields of a form, those that are empty too. */
export function readValues(provider: ProviderForm, form: SentForm): ConnectionEdit {
  const text = (name: string): string => (form.one(name) ?? '').trim();
  const ticked = (name: string, field: string): boolean => form.all(name).includes(field);
  const group = (name: string, fields: readonly string[]): Record<string, string> =>
    Object.fromEntries(fields.map((field) => [field, text(`${name}.${field}`)]));
  const names = provider.credentials.map(({ name }) => name);
  return {
    settings: group(
      'settings',
      provider.settings.map(({ name }) => name),
    ),
    credentials: group(
      'credentials',
      names.filter((name) => !isSecret(name)),
    ),
    secrets: Object.fromEntries(
      names.filter(isSecret).map((name): [string, SecretEdit] => [
        name,
        {
          first: text(`credentials.${name}`),
          second: text(`second.${name}`),
          keep: ticked('keep', name),
          drop: ticked('drop', name),
          forget: ticked('forget', name),
        },
      ]),
    ),
    endpoints: group('endpoints', endpointKeys),
    streams: form.all('streams'),
    schedule: text('schedule'),
    timezone: text('timezone'),
  };
}

/** What stands below the id in sluice.yaml for a new one; an empty field is left out, as it would be there. */
export function bodyOf(provider: ProviderForm, values: ConnectionEdit): Record<string, unknown> {
  const { streams, schedule, timezone } = values;
  const endpoints = filled(values.endpoints);
  const secrets = Object.entries(values.secrets).map(([name, { first, second }]) => [
    name,
    second === '' ? first : [first, second],
  ]);
  return {
    provider: provider.id,
    settings: filled(values.settings),
    credentials: { ...filled(values.credentials), ...filled(Object.fromEntries(secrets)) },
    ...(Object.keys(endpoints).length === 0 ? {} : { endpoints }),
    ...(streams.length === 0 ? {} : { streams }),
    ...(schedule === '' ? {} : { schedule }),
    ...(timezone === '' ? {} : { timezone }),
  };
}

function filled(values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== ''));
}
