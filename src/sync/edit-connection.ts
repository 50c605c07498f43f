/**
 * A stored connection changed by somebody who sees a part of it only: what he doesn't see stays as it is, and secrets that
 * he leaves empty too, as long as they are sent where they were sent before.
 */
import { isDeepStrictEqual } from 'node:util';
import {
  parseConnection,
  problemAt,
  type ConnectionInput,
  type ParseConnectionOptions,
  type Problem,
} from '../config/index.ts';
import type { ProviderDefinition } from '../providers/contract.ts';
import { validateConnection } from '../providers/validate.ts';
import { editedSecret, isSecret, secretCount, type Secret, type SecretEdit } from './edit-secrets.ts';
import { sentElsewhere } from './put-connection.ts';

/** What a form says. A text that is empty was left empty, or isn't there. */
export interface ConnectionEdit {
  readonly settings: Readonly<Record<string, string>>;
  /** those that are no secrets */
  readonly credentials: Readonly<Record<string, string>>;
  readonly secrets: Readonly<Record<string, SecretEdit>>;
  readonly endpoints: Readonly<Record<string, string>>;
  readonly streams: readonly string[];
  readonly schedule: string;
  readonly timezone: string;
}

export interface Edited {
  readonly problems: readonly Problem[];
  /** there when it can be stored */
  readonly input?: ConnectionInput;
}

export interface EditOptions extends Pick<ParseConnectionOptions, 'checkEndpoint'> {
  readonly provider: ProviderDefinition;
  /** ids of the providers that there are */
  readonly known: readonly string[];
}

/** The connection after the edit, held against its provider, with paths that count from its body. */
export function editedConnection(
  stored: ConnectionInput,
  edit: ConnectionEdit,
  { provider, known, checkEndpoint }: EditOptions,
): Edited {
  const { credentials, keptSecrets, problems } = editedCredentials(stored.credentials, edit);
  const body = {
    provider: stored.provider,
    settings: merged(stored.settings, edit.settings),
    credentials,
    endpoints: merged({}, edit.endpoints),
    ...streamsOf(stored, edit.streams),
    ...(edit.schedule === '' ? {} : { schedule: edit.schedule }),
    ...(edit.timezone === '' ? {} : { timezone: edit.timezone }),
  };
  const parsed = parseConnection(stored.id, body, {
    base: [],
    ...(checkEndpoint === undefined ? {} : { checkEndpoint }),
  });
  problems.push(...parsed.problems);
  const part = parsed.connection ?? parsed.draft?.connection;
  if (part === undefined) return { problems };

  const { streams: _streams, schedule: _schedule, ...kept } = stored;
  const { settings, endpoints, streams, schedule, timezone } = part;
  const input: ConnectionInput = {
    ...kept,
    settings,
    endpoints,
    credentials: part.credentials,
    timezone,
    ...(streams === undefined ? {} : { streams }),
    ...(schedule === undefined ? {} : { schedule }),
  };
  const wrong = new Set([...(parsed.draft?.without ?? []), ...problems.map(({ where }) => where)]);
  problems.push(
    ...validateConnection(input, provider, known, [], stored.customStreams).filter(
      ({ where, path }) => !wrong.has(where) && !wrong.has(String(path?.[0])),
    ),
    ...mustBeEntered(stored, input, keptSecrets),
  );
  return problems.some(({ severity }) => severity === 'error') ? { problems } : { problems, input };
}

/** Whoever may not see a secret must not have it sent to a place of his own. */
function mustBeEntered(
  stored: ConnectionInput,
  input: ConnectionInput,
  keptSecrets: readonly string[],
): Problem[] {
  const changed = sentElsewhere(stored, input);
  if (changed.length === 0) return [];
  return keptSecrets.map((name) =>
    problemAt(
      ['credentials', name],
      `must be entered again: ${changed.join(' and ')} would change, and with it where it is sent`,
      `Enter it, or leave ${changed.join(' and ')} as before.`,
    ),
  );
}

/** A text that is empty takes the key out; one that says what is stored leaves it, whatever its type. */
function merged(
  stored: Readonly<Record<string, unknown>>,
  texts: Readonly<Record<string, string>>,
): Record<string, unknown> {
  const all: Record<string, unknown> = { ...stored };
  for (const [name, text] of Object.entries(texts)) {
    if (text === '') delete all[name];
    else if (textOf(all[name]) !== text) all[name] = text;
  }
  return all;
}

function editedCredentials(stored: ConnectionInput['credentials'], edit: ConnectionEdit) {
  const credentials: Record<string, Secret> = { ...stored };
  const keptSecrets: string[] = [];
  const problems: Problem[] = [];
  for (const [name, text] of Object.entries(edit.credentials)) {
    if (text === '') delete credentials[name];
    else credentials[name] = text;
  }
  for (const name of new Set([...Object.keys(stored).filter(isSecret), ...Object.keys(edit.secrets)])) {
    const result = editedSecret(name, stored[name], edit.secrets[name] ?? UNTOUCHED);
    if ('problem' in result) {
      problems.push(result.problem);
      continue;
    }
    if (result.value === undefined) delete credentials[name];
    else credentials[name] = result.value;
    if (result.hasStored) keptSecrets.push(name);
  }
  return { credentials, keptSecrets, problems };
}

const UNTOUCHED: SecretEdit = { first: '', second: '', keep: false, drop: false, forget: false };

/** The same streams in another order are no change. */
function streamsOf(
  stored: ConnectionInput,
  chosen: readonly string[],
): { readonly streams?: readonly string[] } {
  if (chosen.length === 0) return {};
  const before = stored.streams ?? [];
  const same = isDeepStrictEqual(before.toSorted(), chosen.toSorted());
  return { streams: same ? before : chosen };
}

export interface Difference {
  /** path below the connection */
  readonly key: string;
  /** null: not set. Of a secret only how many there are. */
  readonly before: string | number | null;
  readonly after: string | number | null;
}

/** What an edit changes, in the order of the form. Secrets are counted, never shown. */
export function editDifferences(before: ConnectionInput, after: ConnectionInput): Difference[] {
  const parts = (['settings', 'credentials', 'endpoints'] as const).flatMap((part) => {
    const [old, now]: Readonly<Record<string, unknown>>[] = [before[part], after[part]];
    if (old === undefined || now === undefined) return [];
    return [...new Set([...Object.keys(old), ...Object.keys(now)])]
      .filter((name) => !isDeepStrictEqual(old[name], now[name]))
      .map((name): Difference => {
        const hidden = part === 'credentials' && isSecret(name);
        const shown = (value: unknown): string | number | null =>
          hidden ? secretCount(value as Secret | undefined) : textOf(value);
        return { key: `${part}.${name}`, before: shown(old[name]), after: shown(now[name]) };
      });
  });
  const singles = (['streams', 'schedule', 'timezone'] as const)
    .filter((key) => !isDeepStrictEqual(before[key], after[key]))
    .map((key): Difference => ({ key, before: listed(before[key]), after: listed(after[key]) }));
  return [...parts, ...singles];
}

function listed(names: readonly string[] | string | undefined): string | null {
  return names === undefined || typeof names === 'string' ? (names ?? null) : names.join(', ');
}

/** As a field shows it; null: not set. */
export function textOf(value: unknown): string | null {
  if (value === undefined) return null;
  return typeof value === 'string' ? value : JSON.stringify(value);
}
