/**
 * The embedded Postgres: one server for all Sluice processes of a data folder. The first that needs it starts it,
 * others attach, the last to leave stops it. It runs detached, so that a Ctrl-C in a terminal reaches Sluice, which
 * then drains, and not the server under it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { exists, fileTrouble } from './files.ts';
import { makeControlFolder } from './place.ts';
import { inTurn, joinServer, leaveServer, type Context, type Session } from './session.ts';
import { clusterVersion } from './cluster.ts';
import { SluiceError } from '../../errors.ts';

export interface EmbeddedServer {
  /** `postgres://sluice:PASSWORD@127.0.0.1:PORT/sluice`; the role is a superuser and owns the database */
  readonly url: string;
  /** of the server's process; another one after a crash of the server */
  readonly pid: number;
  /** whether this call started the server, and did not find it running */
  readonly startedHere: boolean;
  /** Postgres' data directory: for root it may be outside the data folder */
  readonly cluster: string;
  /**
   * Ends this process' use of the server, and stops the server when nobody else uses it: close every pool first.
   * May be called several times. Until then the handle keeps the process alive; a process that ends without it, even
   * by SIGKILL, counts as having left, but does not stop the server: the next one to leave does.
   */
  close(): Promise<void>;
}

export interface EmbeddedOptions {
  /** made where it is missing */
  readonly dataDir: string;
  /** told what takes time, in words for a terminal */
  readonly onProgress?: (step: string) => void;
  /**
   * Told when the server was lost and could not be brought back under the same URL. The server of a living process
   * that crashed is started again on its port, so a pool only sees broken connections.
   */
  readonly onTrouble?: (error: Error) => void;
  /** ends the waiting; a server that is just being started is stopped */
  readonly signal?: AbortSignal;
  /** only the variables of the dynamic loader are passed on [process.env] */
  readonly env?: NodeJS.ProcessEnv;
  /** [Node's own, as in `linux-x64`] */
  readonly platform?: string;
  /** for root: where to keep what the server's account can't reach in place [/var/lib/sluice, /var/tmp/sluice] */
  readonly rootFolders?: readonly string[];
  /** milliseconds for each wait: the turn, making the cluster, the start with its crash recovery [120,000] */
  readonly timeoutMs?: number;
}

/** milliseconds between tries to bring a lost server back */
const reviveFirstMs = 50;
const reviveMostMs = 5_000;

/**
 * Attaches to the data folder's server, or starts it. A first start takes about 1.6 s, a later one 0.2 s.
 *
 * @throws SluiceError `embedded_postgres_unavailable`, `embedded_postgres_version`, `embedded_postgres_failed`,
 *   `data_folder_unusable` (all config) or `embedded_postgres_busy` (transient); the signal's reason when aborted.
 */
export async function openEmbedded(options: EmbeddedOptions): Promise<EmbeddedServer> {
  const { signal } = options;
  try {
    const context: Context = {
      control: await makeControlFolder(options.dataDir),
      env: options.env ?? process.env,
      platform: options.platform ?? `${process.platform}-${process.arch}`,
      rootFolders: options.rootFolders ?? ['/var/lib/sluice', '/var/tmp/sluice'],
      timeoutMs: options.timeoutMs ?? 120_000,
      onProgress: options.onProgress ?? (() => {}),
    };
    const session = await inTurn(
      context,
      'starting Postgres',
      signal,
      async () => await joinServer(context, signal),
    );
    return hold(context, session, options.onTrouble ?? (() => {}));
  } catch (error) {
    throw signal?.aborted === true ? signal.reason : explain(error, options.dataDir);
  }
}

function explain(error: unknown, dataDir: string): unknown {
  const known = fileTrouble(error, dataDir);
  if (known instanceof SluiceError) return known;
  const message = error instanceof Error ? error.message : String(error);
  return new SluiceError('embedded_postgres_failed', `The embedded Postgres could not be used: ${message}.`, {
    cause: error,
  });
}

function hold(context: Context, first: Session, onTrouble: (error: Error) => void): EmbeddedServer {
  let session = first;
  let reviving: Promise<void> = Promise.resolve();
  let closing: Promise<void> | undefined;
  const closed = new AbortController();

  const watch = (watched: Session): void => {
    void watched.connection.ended.then(() => {
      if (closed.signal.aborted) return;
      reviving = revive();
    });
  };

  /** Never rejects. Without it another process that leaves would take itself for the last and stop our server. */
  const revive = async (): Promise<void> => {
    let told = false;
    for (let pause = reviveFirstMs; !closed.signal.aborted; pause = Math.min(pause * 2, reviveMostMs)) {
      try {
        session = await inTurn(
          context,
          'restarting Postgres',
          closed.signal,
          async () => await joinServer(context, closed.signal, true),
        );
        if (session.url !== first.url)
          onTrouble(
            new SluiceError(
              'embedded_postgres_failed',
              'The embedded Postgres ended, and could only be started again on another port.',
              { advice: 'Start this process again.' },
            ),
          );
        watch(session);
        return;
      } catch (error) {
        if (closed.signal.aborted) return;
        const trouble = explain(error, context.control);
        if (!told) onTrouble(trouble as SluiceError);
        told = true;
        // removed under our feet: nothing to bring back
        if (!(await exists(context.control)) || (await clusterVersion(session.place)) === null) return;
        await sleep(pause, undefined, { signal: closed.signal }).catch(() => {});
      }
    }
  };

  const leave = async (): Promise<void> => {
    closed.abort();
    await reviving;
    const work = async (): Promise<void> => await leaveServer(context, session);
    try {
      if (await exists(context.control)) await inTurn(context, 'stopping Postgres', undefined, work);
      else await work();
    } catch (error) {
      throw explain(error, context.control);
    } finally {
      await session.connection.end();
    }
  };

  watch(first);
  return {
    url: first.url,
    get pid() {
      return session.server.pid;
    },
    startedHere: first.startedHere,
    cluster: first.place.cluster,
    close: async () => await (closing ??= leave()),
  };
}
