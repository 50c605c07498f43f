/** Editing a stored connection by form: what the form shows, what would change, and the change. */
import { connectionBody, hasErrors, type ConnectionInput } from '../config/index.ts';
import { SluiceError } from '../errors.ts';
import { checkEndpoint } from '../net/hosts.ts';
import type { ProviderDefinition } from '../providers/contract.ts';
import { providers } from '../providers/registry.ts';
import type { Runtime } from '../runtime.ts';
import { audited, type Actor } from '../store/audit.ts';
import { findConnection, type ConnectionRow } from '../store/connections.ts';
import { readable } from '../sync/apply.ts';
import {
  editDifferences,
  editedConnection,
  textOf,
  type ConnectionEdit,
  type Edited,
} from '../sync/edit-connection.ts';
import { isSecret, secretCount } from '../sync/edit-secrets.ts';
import { assertManagedHere, assertVersion, putConnection, versionOf } from '../sync/put-connection.ts';
import type { EditableConnection, EditTrial, SteeringDeps } from '../web/steering-contract.ts';
import { connectionYaml } from './connection-yaml.ts';
import { formOf } from './provider-forms.ts';
import { shownProblems, tryInput } from './try-connection.ts';

/** Milliseconds for which a preview can be confirmed. */
const PREVIEW_MS = 15 * 60_000;

/** The keys that the form shows. */
const SHOWN = new Set([
  'provider',
  'settings',
  'credentials',
  'endpoints',
  'streams',
  'schedule',
  'timezone',
]);

export function editingOf(
  runtime: Runtime,
): Pick<SteeringDeps, 'editable' | 'tryEdit' | 'reopenEdit' | 'storeEdit'> {
  return {
    async editable(id) {
      const { row, stored, provider } = await load(runtime, id);
      return editableView(row, stored, provider);
    },
    async tryEdit(id, edit, { version, session, check }) {
      const { row, stored, provider } = await load(runtime, id);
      assertManagedHere(row);
      assertVersion(row, id, version);
      const { input, problems } = edited(runtime, stored, edit, provider);
      if (input === undefined)
        return { ...NOTHING, problems: shownProblems(problems.filter((one) => hasErrors([one]))) };
      const trial = check ? await tryInput(runtime, input, provider) : NOTHING;
      const failed = trial.check !== null && trial.check.error !== null;
      return {
        ...trial,
        warnings: shownProblems(problems),
        differences: editDifferences(stored, input),
        yaml: connectionYaml(id, connectionBody(input)),
        draft: failed ? null : seal(runtime, id, session, { version, edit }),
      };
    },
    async reopenEdit(id, draft, session) {
      const { row } = await load(runtime, id);
      assertManagedHere(row);
      const { version, edit } = open(runtime, id, session, draft);
      assertVersion(row, id, version);
      return edit;
    },
    storeEdit: (actor, id, draft, session) => storeEdit(runtime, actor, id, draft, session),
  };
}

const NOTHING: EditTrial = {
  problems: [],
  needsConsent: false,
  check: null,
  warnings: [],
  differences: [],
  yaml: '',
  draft: null,
};

function storeEdit(
  runtime: Runtime,
  actor: Actor,
  id: string,
  draft: string,
  session: string,
): Promise<void> {
  const { db, vault, findProvider } = runtime;
  return audited(db, { actor, action: 'connection.put', connection: id }, async (note) => {
    const { row, stored, provider } = await load(runtime, id);
    assertManagedHere(row);
    const { version, edit } = open(runtime, id, session, draft);
    assertVersion(row, id, version);
    const { input, problems } = edited(runtime, stored, edit, provider);
    if (input === undefined)
      throw new SluiceError(
        'config_invalid',
        problems.map(({ where, message }) => `${where} ${message}`).join('; '),
        { advice: 'Open the form again, and correct what it says.' },
      );
    const keys = editDifferences(stored, input).map(({ key }) => key);
    note({ details: { provider: provider.id, keys, created: false } });
    await putConnection({ db, vault, findProvider }, input, new Date(runtime.now()), version);
  });
}

interface Loaded {
  readonly row: ConnectionRow;
  readonly stored: ConnectionInput;
  readonly provider: ProviderDefinition;
}

/** @throws SluiceError `not_found`, `provider_unknown` */
async function load({ db, vault, findProvider }: Runtime, id: string): Promise<Loaded> {
  const row = await findConnection(db.pool, id);
  if (row === undefined)
    throw new SluiceError('not_found', `There is no connection ${id}.`, {
      advice: 'See what there is on /connections.',
    });
  const provider = findProvider(row.provider);
  if (provider === undefined)
    throw new SluiceError('provider_unknown', `This version of Sluice has no provider ${row.provider}.`);
  return { row, stored: readable(row, vault), provider };
}

function edited(
  { environment }: Runtime,
  stored: ConnectionInput,
  edit: ConnectionEdit,
  provider: ProviderDefinition,
): Edited {
  return editedConnection(stored, edit, {
    provider,
    known: providers.map(({ id }) => id),
    checkEndpoint: (url) => checkEndpoint(url, environment),
  });
}

function editableView(
  row: ConnectionRow,
  stored: ConnectionInput,
  provider: ProviderDefinition,
): EditableConnection {
  const texts = (values: Readonly<Record<string, unknown>>): Record<string, string> =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, textOf(value) ?? '']));
  const credentials = Object.entries(stored.credentials);
  const body = connectionBody(stored);
  const form = formOf(provider, stored);
  return {
    id: row.id,
    managedBy: row.managed_by,
    state: row.state,
    version: versionOf(row),
    form,
    values: {
      settings: texts(stored.settings),
      credentials: texts(Object.fromEntries(credentials.filter(([name]) => !isSecret(name)))),
      secrets: {},
      endpoints: texts(stored.endpoints),
      streams: stored.streams ?? [],
      schedule: stored.schedule ?? '',
      timezone: stored.timezone,
    },
    secrets: Object.fromEntries(
      credentials.filter(([name]) => isSecret(name)).map(([name, value]) => [name, secretCount(value)]),
    ),
    unreadable: credentials.length === 0 && form.credentials.some(({ required }) => required),
    untouched: Object.keys(body).filter((key) => !SHOWN.has(key)),
    yaml: connectionYaml(row.id, body),
  };
}

interface Draft {
  readonly version: string;
  readonly edit: ConnectionEdit;
}

/**
 * What was typed, secrets included, on its way from a preview to its confirmation: encrypted, so that no page holds it
 * readable, and good for this connection and this session alone.
 */
function seal({ vault, now }: Runtime, id: string, session: string, draft: Draft): string {
  return vault.encrypt(JSON.stringify({ ...draft, until: now() + PREVIEW_MS }), identity(id, session));
}

/** @throws SluiceError `request_invalid` */
function open({ vault, now }: Runtime, id: string, session: string, sealed: string): Draft {
  const advice = 'Open the form again, and make the change once more.';
  let draft: Draft & { readonly until: number };
  try {
    draft = JSON.parse(vault.decrypt(sealed, identity(id, session))) as typeof draft;
  } catch (cause) {
    throw new SluiceError('request_invalid', 'This is no preview of your session.', { advice, cause });
  }
  if (draft.until > now()) return draft;
  throw new SluiceError('request_invalid', 'This preview is too old.', { advice });
}

function identity(id: string, session: string): string {
  return JSON.stringify(['edit', id, session]);
}
