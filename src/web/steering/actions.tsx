/** The actions on a connection: what each will do, said before it is done, and the doing. */
import type { Child } from 'hono/jsx';
import { SluiceError } from '../../errors.ts';
import type { ApiDeps } from '../api/contract.ts';
import type { FlashName } from '../flash.tsx';
import type { SentForm } from '../form.ts';
import { count } from '../format.ts';
import type { ConnectionFacts } from '../steering-contract.ts';
import { ResetFields, Cursors, Held, RemoveFields, WebhookFacts } from './confirmations.tsx';
import { connectionPath } from './page.tsx';

export interface Done {
  readonly to: string;
  readonly flash: FlashName;
}

export interface ConnectionAction {
  readonly title: string;
  /** of the button */
  readonly verb: string;
  readonly danger?: boolean;
  /** what will happen, a sentence each */
  readonly says: (facts: ConnectionFacts) => readonly Child[];
  /** tables and fields below the sentences */
  readonly body?: (facts: ConnectionFacts) => Child;
  /** why it can't be done now */
  readonly refuses?: (facts: ConnectionFacts) => SluiceError | undefined;
  readonly run: (api: ApiDeps, facts: ConnectionFacts, form: SentForm) => Promise<Done>;
}

const idOf = ({ connection }: ConnectionFacts): string => connection.id;
const home = (facts: ConnectionFacts, flash: FlashName): Done => ({
  to: connectionPath(idOf(facts)),
  flash,
});

/** As `/v1` and `sluice sync` refuse it, said before anybody presses a button. */
function unusable({ connection }: ConnectionFacts): SluiceError | undefined {
  const { id, state, reason, advice } = connection;
  if (state === 'active') return undefined;
  if (state === 'paused')
    return new SluiceError('connection_paused', `${id} is paused.`, { advice: 'Resume it first.' });
  const message = `${id} waits for a person: ${reason ?? state}`;
  return new SluiceError('connection_parked', message, advice === null ? {} : { advice });
}

function streamsWord({ streams }: ConnectionFacts): string {
  return streams.length === 1 ? 'Its one stream is' : `Its ${count(streams.length)} streams are`;
}

function joining({ open }: ConnectionFacts): string {
  if (open.length === 0) return 'No run is active: it begins as soon as a worker is free.';
  return open.some(({ slot }) => slot === 'queued')
    ? 'A run is active and another one waits: this joins the one that waits.'
    : 'A run is active: this one begins when that is over.';
}

async function sync(
  api: ApiDeps,
  facts: ConnectionFacts,
  more: { readonly streams?: readonly string[]; readonly full?: boolean; readonly allowDeletes?: boolean },
  flash: FlashName,
): Promise<Done> {
  const run = await api.sync(idOf(facts), {
    streams: more.streams,
    full: more.full ?? false,
    allowDeletes: more.allowDeletes ?? false,
    idempotencyKey: undefined,
  });
  return { to: `/runs/${run.id}`, flash };
}

const actions = {
  sync: {
    title: 'Sync now',
    verb: 'Sync now',
    says: (facts) => [
      `${streamsWord(facts)} read from where the last sync ended; what can only be read whole is read whole.`,
      joining(facts),
    ],
    refuses: unusable,
    run: (api, facts) => sync(api, facts, {}, 'asked'),
  },
  'full-sync': {
    title: 'Full sync',
    verb: 'Read everything',
    says: (facts) => [
      `${streamsWord(facts)} read from the beginning to the end, also where usually changes alone are read. That takes as long as the first sync did, and as many requests.`,
      'Records that the provider no longer has are deleted here, unless they are so many that a person must allow it.',
      joining(facts),
    ],
    refuses: unusable,
    run: (api, facts) => sync(api, facts, { full: true }, 'asked'),
  },
  pause: {
    title: 'Pause',
    verb: 'Pause',
    says: ({ connection, open }) => [
      connection.nextRunAt === null
        ? 'Nothing runs by schedule from now on, and nobody can ask for a run until it is resumed.'
        : `The schedule stops: the run that is due at ${connection.nextRunAt} doesn't come, and nobody can ask for one until it is resumed.`,
      open.length === 0
        ? 'No run is active.'
        : `${open.length === 1 ? 'The run that is' : 'The runs that are'} open already go on to the end; cancel them if they shouldn't.`,
      'Webhooks are still taken in. Records stay as they are.',
    ],
    refuses: ({ connection }) =>
      connection.state === 'paused'
        ? new SluiceError('request_invalid', `${connection.id} is paused already.`, {
            advice: 'Resume it when it should run again.',
          })
        : undefined,
    run: async (api, facts) => {
      await api.pause(idOf(facts));
      return home(facts, 'paused');
    },
  },
  resume: {
    title: 'Resume',
    verb: 'Resume',
    says: ({ connection }) => [
      connection.schedule === 'manual'
        ? 'It can be synced again; it has no schedule.'
        : `Its schedule (${connection.schedule}, ${connection.timezone}) begins again, and runs can be asked for.`,
      'What slowed its schedule down is forgotten: failures in a row, and streams that were refused.',
      ...(connection.state === 'needs_reconnect' || connection.state === 'needs_attention'
        ? [
            `It waits for a person now: ${connection.reason ?? ''} Where that isn't mended, it will soon wait again.`,
          ]
        : []),
    ],
    refuses: ({ connection }) =>
      connection.state === 'active' && connection.failedRuns === 0
        ? new SluiceError('request_invalid', `${connection.id} is active.`, {
            advice: 'Nothing is to be resumed.',
          })
        : undefined,
    run: async (api, facts) => {
      await api.resume(idOf(facts));
      return home(facts, 'resumed');
    },
  },
  reset: {
    title: 'Reset',
    verb: 'Reset',
    danger: true,
    says: () => [
      'How far the streams were read is forgotten: the next run reads everything from the beginning.',
      'Records stay. Numbers of changes go on where they are and never restart, so that readers of the feed see nothing but real changes.',
    ],
    body: (facts) => (
      <>
        <Cursors facts={facts} />
        <ResetFields facts={facts} />
      </>
    ),
    run: async (api, facts, form) => {
      const stream = form.one('stream') ?? '';
      await api.reset(idOf(facts), stream === '' ? undefined : [stream]);
      return home(facts, 'reset');
    },
  },
  'allow-deletes': {
    title: 'Allow the held deletes',
    verb: 'Allow, once',
    danger: true,
    says: () => [
      'These streams are read again, and what the provider no longer has by then is deleted here, however much it is. Deleted records stay as tombstones; readers of the feed are told of each.',
      'It counts for this one run. Look at the provider first: an empty list there is often a mistake of theirs.',
    ],
    body: (facts) => <Held facts={facts} />,
    refuses: (facts) =>
      facts.held === null
        ? new SluiceError('request_invalid', `The newest run of ${idOf(facts)} holds no deletes.`, {
            advice: 'There is nothing to allow.',
          })
        : unusable(facts),
    run: (api, facts) => {
      const streams = (facts.held?.streams ?? []).map(({ name }) => name);
      return sync(api, facts, { streams, allowDeletes: true }, 'allowed');
    },
  },
  webhooks: {
    title: 'Register webhooks',
    verb: 'Register',
    says: () => [
      'The provider is asked to send its webhooks here. What is registered and well stays as it is; what is missing, moved or down is registered anew, with a new secret.',
      'The secret is stored encrypted, and shown to nobody. Messages under an older one stay good.',
    ],
    body: (facts) => <WebhookFacts facts={facts} />,
    refuses: (facts) =>
      facts.webhooks === null
        ? new SluiceError(
            'webhooks_unavailable',
            `${facts.connection.provider} has no API that registers webhooks for ${idOf(facts)}.`,
          )
        : undefined,
    run: async (api, facts) => {
      await api.registerWebhooks(idOf(facts), false);
      return home(facts, 'registered');
    },
  },
  remove: {
    title: 'Remove',
    verb: 'Remove',
    danger: true,
    says: ({ connection, open }) => [
      'The connection, its credentials and its access at the provider are removed; that can’t be undone.',
      ...(open.length === 0 ? [] : ['Its open runs end.']),
      `Its ${count(total(connection.records))} records stay readable by SQL, unless you erase them too.`,
    ],
    body: (facts) => <RemoveFields facts={facts} />,
    refuses: ({ connection }) =>
      connection.managedBy === 'file'
        ? new SluiceError('connection_managed_by_file', `${connection.id} is managed by a file.`)
        : undefined,
    run: async (api, facts, form) => {
      if (form.one('confirm') !== idOf(facts))
        throw new SluiceError('request_invalid', `What you typed is not ${idOf(facts)}.`, {
          advice: 'Type the id of the connection, exactly as it stands there.',
        });
      await api.removeConnection(idOf(facts), form.one('purge') === 'yes');
      return { to: '/connections', flash: 'removed' };
    },
  },
} as const satisfies Readonly<Record<string, ConnectionAction>>;

function total(records: Readonly<Record<string, number>>): number {
  return Object.values(records).reduce((sum, rows) => sum + rows, 0);
}

export const connectionActions: ReadonlyMap<string, ConnectionAction> = new Map(Object.entries(actions));
