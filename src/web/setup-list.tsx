/** What was seen right after a consent: organizations, who reaches them, and where the missing ones are added. */
import type { SetupView } from '../auth/authorization/contract.ts';
import { clock, count } from './format.ts';
import type { MappingsPageView } from './contract.ts';
import { Cell, Table } from './table.tsx';

type Seen = SetupView['organizations'][number];

/** For the person who consented: only what is his, since the application may serve others too. */
export function OwnOrganizations({ setup, provider }: { setup: SetupView; provider: string }) {
  const own = setup.organizations.filter(({ person }) => person);
  return (
    <section aria-labelledby="organizations">
      <h2 id="organizations">Your organizations</h2>
      <div class="panel">
        {setup.error !== null ? (
          <Trouble error={setup.error} />
        ) : own.length === 0 ? (
          <p>{provider} lists none of yours for this application yet.</p>
        ) : (
          <ul class="plain">
            {own.map((organization) => (
              <li>
                {organization.name ?? organization.id} <Access seen={organization} />
              </li>
            ))}
          </ul>
        )}
        <Install setup={setup} />
      </div>
    </section>
  );
}

/** For an operator: everything that was seen. */
export function SetupSection({
  setup,
  view,
}: {
  setup: NonNullable<MappingsPageView['setup']>;
  view: MappingsPageView;
}) {
  const { seen, account } = setup;
  const connect = `/connect/${encodeURIComponent(view.connection)}`;
  return (
    <section aria-labelledby="setup">
      <div class="titled">
        <h2 id="setup">Who reaches what</h2>
        <a href={connect}>{seen === null ? `Log in at ${view.provider} to see it` : 'Look again'}</a>
      </div>
      {seen === null ? (
        <p class="panel">
          Nobody has looked yet. Whoever logs in at {view.provider} sees here which of his organizations are
          connected; his access is used for that alone and not kept.
        </p>
      ) : (
        <>
          {seen.error !== null && (
            <div class="alert" role="alert">
              <Trouble error={seen.error} />
            </div>
          )}
          {seen.organizations.length > 0 && (
            <Table
              caption={`Seen ${clock(seen.at)}${account === null ? '' : ` by ${account}`}${seen.more ? `; only the first ${count(seen.organizations.length)} are shown` : ''}`}
              heads={['Organization', 'Reached by', 'To do']}
              numbers={[]}
            >
              {seen.organizations.map((organization) => (
                <tr role="row">
                  <th role="rowheader" scope="row">
                    {organization.name ?? organization.id}
                    {organization.name !== null && <span class="small">{organization.id}</span>}
                  </th>
                  <Cell label="Reached by">
                    <Reach seen={organization} person={account} />
                  </Cell>
                  <Cell label="To do">
                    {organization.client ? 'nothing' : <a href={seen.installLink}>Install it there</a>}
                  </Cell>
                </tr>
              ))}
            </Table>
          )}
          <div class="after">
            <Install setup={seen} />
          </div>
        </>
      )}
    </section>
  );
}

function Reach({ seen, person }: { seen: Seen; person: string | null }) {
  const who = person ?? 'the person';
  if (seen.person && seen.client) return <span class="state ok">application and {who}</span>;
  if (seen.client) return <span class="state">application only</span>;
  return <span class="state warn">{who} only</span>;
}

function Access({ seen }: { seen: Seen }) {
  return seen.client ? (
    <span class="state ok">connected</span>
  ) : (
    <span class="state warn">not connected yet</span>
  );
}

function Install({ setup }: { setup: SetupView }) {
  return (
    <p>
      Is one missing, or not connected yet? <a href={setup.installLink}>Install the application there</a>, and
      it comes with the next sync.
    </p>
  );
}

function Trouble({ error }: { error: NonNullable<SetupView['error']> }) {
  return (
    <p>
      The organizations could not be listed: {error.message} {error.advice} <code>{error.code}</code>
    </p>
  );
}
