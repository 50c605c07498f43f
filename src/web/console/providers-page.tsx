/** What this version of Sluice speaks: the providers, and each one in detail. */
import { count } from '../format.ts';
import { Cell, Table } from '../table.tsx';
import type { ProviderView } from './contract.ts';
import { Fact, Facts, Trail } from './parts.tsx';
import { paths } from './paths.ts';

export function ProvidersPage({ providers }: { providers: readonly ProviderView[] }) {
  return (
    <main>
      <h1>Providers</h1>
      <Table
        caption="What this version speaks, as each provider documents it"
        heads={['Provider', 'What it is', 'Grants', 'Access token', 'Streams']}
        numbers={['Streams']}
      >
        {providers.map((provider) => (
          <tr role="row">
            <th role="rowheader" scope="row">
              <a href={paths.provider(provider.id)}>{provider.title}</a>
              <span class="small mono">{provider.id}</span>
            </th>
            <Cell label="What it is" roomy>
              {provider.description}
            </Cell>
            <Cell label="Grants">{provider.grants.map(grantWords).join(', ')}</Cell>
            <Cell label="Access token">{policyWords(provider)}</Cell>
            <Cell label="Streams" number>
              {count(provider.streams.length)}
            </Cell>
          </tr>
        ))}
      </Table>
    </main>
  );
}

export function ProviderPage({ provider }: { provider: ProviderView }) {
  return (
    <main>
      <Trail above={[['/providers', 'Providers']]} />
      <h1>{provider.title}</h1>
      <p>{provider.description}</p>
      <section class="panel" aria-labelledby="about">
        <h2 id="about">How it is spoken to</h2>
        <Facts>
          <Fact name="Name in sluice.yaml">
            <code>{provider.id}</code>
          </Fact>
          <Fact name="Grants">{provider.grants.map(grantWords).join(', ')}</Fact>
          <Fact name="Access token">{policyWords(provider)}</Fact>
          <Fact name="Schedule">
            <code>{provider.schedule}</code> where a connection names none
          </Fact>
          <Fact name="Limits">
            {provider.limits.length === 0
              ? 'none documented'
              : provider.limits.map(({ requests, perSeconds, keyedBy, evidence }) => (
                  <span class="line">
                    {count(requests)} requests in {count(perSeconds)} s, by {keyedBy} ({evidence})
                  </span>
                ))}
          </Fact>
          <Fact name="Webhooks">{provider.webhooks ?? 'none documented'}</Fact>
          <Fact name="Documentation">
            <a href={provider.docs} rel="noreferrer">
              {provider.docs}
            </a>
          </Fact>
        </Facts>
      </section>
      <Fields id="settings" title="Settings" fields={provider.settings} />
      <Fields id="credentials" title="Credentials" fields={provider.credentials} />
      <section aria-labelledby="streams">
        <h2 id="streams">Streams</h2>
        <Table
          caption="What can be mirrored"
          heads={['Stream', 'Path', 'Paging', 'Changes', 'Scopes', 'Evidence']}
          numbers={[]}
        >
          {provider.streams.map((stream) => (
            <tr role="row">
              <th role="rowheader" scope="row">
                {stream.name}
                {stream.parent !== null && <span class="small">for each of {stream.parent}</span>}
              </th>
              <Cell label="Path" roomy>
                <span class="mono wrap">{stream.path}</span>
              </Cell>
              <Cell label="Paging">{stream.paging}</Cell>
              <Cell label="Changes">{stream.changes}</Cell>
              <Cell label="Scopes" roomy>
                {stream.scopes.length === 0 ? (
                  'none'
                ) : (
                  <span class="mono wrap">{stream.scopes.join(' ')}</span>
                )}
              </Cell>
              <Cell label="Evidence">{stream.evidence}</Cell>
            </tr>
          ))}
        </Table>
      </section>
    </main>
  );
}

function Fields(props: { id: string; title: string; fields: ProviderView['settings'] }) {
  if (props.fields.length === 0) return <></>;
  return (
    <section class="panel" aria-labelledby={props.id}>
      <h2 id={props.id}>{props.title}</h2>
      <Facts>
        {props.fields.map(({ name, required, description }) => (
          <Fact name={required ? name : `${name} (optional)`}>{description}</Fact>
        ))}
      </Facts>
    </section>
  );
}

function grantWords(grant: string): string {
  return grant === 'user' ? 'a person’s consent' : 'client credentials';
}

function policyWords({ tokenPolicy }: ProviderView): string {
  return tokenPolicy === 'per-flow' ? 'a new one for each run' : 'shared until it expires';
}
