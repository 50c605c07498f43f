/** One connection: state, grant and token, schedule, streams, webhooks, runs, and what can be done with it. */
import { count, duration } from '../format.ts';
import type { ConnectionPageView } from './contract.ts';
import { EndpointsSection } from './endpoints-section.tsx';
import { Lag } from './overview-page.tsx';
import { Advice, AsOf, Fact, Facts, State, Trail, When } from './parts.tsx';
import { paths, type ConnectionAction } from './paths.ts';
import { RunsTable } from './runs-table.tsx';
import { StreamsSection } from './streams-section.tsx';

export function ConnectionPage({ view }: { view: ConnectionPageView }) {
  const { connection, now, runs } = view;
  const { id, state } = connection;
  return (
    <main data-topic="overview">
      <Trail above={[['/connections', 'Connections']]} />
      <h1>{id}</h1>
      <AsOf now={now} path={paths.connection(id)} />
      <div data-live="head">
        {(connection.reason !== null || state !== 'active') && (
          <div class={`notice ${state === 'active' || state === 'paused' ? 'warn' : 'bad'}`}>
            <p>
              <State value={state} /> {connection.reason}
              {connection.code !== null && (
                <>
                  {' '}
                  <code>{connection.code}</code>
                </>
              )}
            </p>
            {connection.advice !== null && (
              <p>
                <strong>Do this:</strong> <Advice text={connection.advice} />
              </p>
            )}
          </div>
        )}
      </div>
      <div data-live="actions">
        <Actions view={view} />
      </div>
      <div class="columns">
        <div data-live="facts">
          <AboutSection view={view} />
        </div>
        <div data-live="token">
          <TokenSection view={view} />
        </div>
      </div>
      <div data-live="streams">
        <StreamsSection view={view} />
      </div>
      <EndpointsSection view={view} />
      <div data-live="runs">
        <section aria-labelledby="runs">
          <div class="titled">
            <h2 id="runs">Recent runs</h2>
            <a href={paths.runsOf(id)}>All its runs</a>
          </div>
          {runs.length === 0 ? (
            <p class="panel">
              It never ran.{' '}
              {state === 'active' && (
                <>
                  <a href={paths.action(id, 'sync')}>Sync now</a>, or wait for its schedule.
                </>
              )}
            </p>
          ) : (
            <RunsTable runs={runs} now={now} caption="Newest first" />
          )}
        </section>
      </div>
    </main>
  );
}

function Actions({ view }: { view: ConnectionPageView }) {
  const { connection, canConnect, webhooks, hasMappings } = view;
  const { id, state, managedBy, lastRun, account } = connection;
  const act = (action: ConnectionAction, name: string, main = false) => (
    <li>
      <a class={main ? 'button' : 'button quiet'} href={paths.action(id, action)}>
        {name}
      </a>
    </li>
  );
  const isActive = state === 'active';
  return (
    <nav aria-label={`Actions on ${id}`} class="actions">
      <ul>
        {state === 'paused' && act('resume', 'Resume', true)}
        {isActive && lastRun?.status === 'held' && act('allow-deletes', 'Allow held deletes', true)}
        {canConnect && (
          <li>
            <a class={state === 'needs_reconnect' ? 'button' : 'button quiet'} href={paths.connect(id)}>
              {account === null ? 'Connect' : 'Reconnect'}
            </a>
          </li>
        )}
        {isActive && act('sync', 'Sync now', lastRun?.status !== 'held')}
        {isActive && act('full-sync', 'Full sync')}
        {act('check', 'Check', state === 'needs_attention')}
        {isActive && act('pause', 'Pause')}
        {state !== 'active' && state !== 'paused' && act('resume', 'Resume')}
        {managedBy !== 'file' && (
          <li>
            <a class="button quiet" href={paths.edit(id)}>
              Edit
            </a>
          </li>
        )}
        {act('reset', 'Reset')}
        {webhooks?.registers === true && act('webhooks', 'Register webhooks')}
        {hasMappings && (
          <li>
            <a class="button quiet" href={paths.mappings(id)}>
              Mappings
            </a>
          </li>
        )}
        {managedBy !== 'file' && act('remove', 'Remove')}
      </ul>
      {!isActive && (
        <p class="muted">
          {state === 'paused'
            ? 'It is paused: no run can be asked for until it is resumed.'
            : 'It waits for a person: no run can be asked for until that is mended.'}
        </p>
      )}
      {managedBy === 'file' && (
        <p class="muted">
          Its configuration is read-only here: it stands in <code>sluice.yaml</code> and is changed or removed
          there. <a href={paths.edit(id)}>How, and what stands there</a>
        </p>
      )}
    </nav>
  );
}

function AboutSection({ view }: { view: ConnectionPageView }) {
  const { connection, now, freshness } = view;
  const { state, since, provider, schedule, timezone, nextRunAt, failedRuns, lastRun, managedBy } =
    connection;
  return (
    <section class="panel" aria-labelledby="about">
      <h2 id="about">State and schedule</h2>
      <Facts>
        <Fact name="State">
          <State value={state} /> <When at={since} now={now} />
        </Fact>
        <Fact name="Provider">
          <a href={paths.provider(provider)}>{view.providerTitle}</a>
        </Fact>
        <Fact name="Schedule">
          {schedule}
          {schedule !== 'manual' && !schedule.startsWith('every') && `, ${timezone}`}
        </Fact>
        <Fact name="Next run">
          {nextRunAt === null ? 'none' : <When at={nextRunAt} now={now} />}
          {state === 'active' && failedRuns > 1 && (
            <span class="small">slowed down: {count(failedRuns)} runs in a row failed</span>
          )}
        </Fact>
        <Fact name="Data as of">
          {freshness.asOf === null ? 'not complete yet' : <When at={freshness.asOf} now={now} />}
        </Fact>
        <Fact name="Against the schedule">
          <Lag connection={{ schedule, freshness, lastRun }} />
        </Fact>
        <Fact name="Managed by">{managedBy === 'file' ? 'the file sluice.yaml' : 'API and console'}</Fact>
      </Facts>
    </section>
  );
}

function TokenSection({ view }: { view: ConnectionPageView }) {
  const { grant, policy, token, connection, now, canConnect } = view;
  return (
    <section class="panel" aria-labelledby="token">
      <h2 id="token">Grant and token</h2>
      <Facts>
        <Fact name="Grant">{grantWords(grant)}</Fact>
        {canConnect && <Fact name="Connected by">{connection.account ?? 'not told, or nobody yet'}</Fact>}
        {policy !== null && (
          <Fact name="Token policy">
            {policy === 'per-flow' ? 'a new token for each run' : 'one token until it expires'}
          </Fact>
        )}
        {token !== null && (
          <Fact name="Token">
            <State
              value={token.state === 'none' ? 'none now' : token.state}
              {...(token.state === 'none' ? { tone: 'calm' } : {})}
            />
            {token.reason !== null && <span class="small">{token.reason}</span>}
            {token.advice !== null && (
              <span class="small">
                <Advice text={token.advice} />
              </span>
            )}
            {token.retryAt !== null && (
              <span class="small">
                not asked again before <When at={token.retryAt} now={now} />
              </span>
            )}
          </Fact>
        )}
        {token !== null && token.token !== null && (
          <>
            <Fact name="Age">{duration(token.token.ageSeconds * 1000)}</Fact>
            <Fact name="Expires">
              <When at={token.token.expiresAt} now={now} />
            </Fact>
            <Fact name="Scopes">
              {token.token.scopes.length === 0 ? (
                'none'
              ) : (
                <code class="wrap">{token.token.scopes.join(' ')}</code>
              )}
            </Fact>
            <Fact name="Fingerprint">
              <code>{token.token.fingerprint}</code>
            </Fact>
          </>
        )}
      </Facts>
    </section>
  );
}

function grantWords(grant: ConnectionPageView['grant']): string {
  switch (grant) {
    case 'client':
      return 'the application’s own (client credentials)';
    case 'user':
      return 'a person’s consent';
    case 'none':
      return 'a fixed key, no token';
    case null:
      return 'can’t be read: see the state';
  }
}
