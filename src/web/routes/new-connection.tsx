/** `/connections/new` and `/connections/:id/added`: a connection made by a form, tried before it is stored. */
import { Hono, type Context } from 'hono';
import { SluiceError } from '../../errors.ts';
import { actorOf } from '../actor.ts';
import type { WebApp, WebEnv } from '../contract.ts';
import { setFlash } from '../flash.tsx';
import type { Sessions } from '../session.ts';
import type { ProviderForm, Trial } from '../steering-contract.ts';
import { ConnectionForm, ProviderChoice } from '../steering/connection-form.tsx';
import { bodyOf, emptyValues, readValues, type ConnectionValues } from '../steering/connection-values.ts';
import {
  connectionPath,
  guard,
  sentForm,
  sessionOf,
  showPage,
  type SteeringWebDeps,
} from '../steering/page.tsx';

const NEW = '/connections/new';
const ADDED = '/connections/:id/added';

export function newConnectionRoutes(deps: SteeringWebDeps, sessions: Sessions): WebApp {
  const routes = new Hono<WebEnv>();
  const { api, steering } = deps;
  guard(routes, [NEW, ADDED], deps, sessions);

  const providerOf = (id: string | undefined): ProviderForm => {
    const provider = steering.providers.find((one) => one.id === id);
    if (provider !== undefined) return provider;
    throw new SluiceError('not_found', 'There is no such provider.', { advice: `Choose one on ${NEW}.` });
  };
  const show = (
    c: Context<WebEnv>,
    provider: ProviderForm,
    values: ConnectionValues,
    more: { readonly trial?: Trial; readonly yaml?: string } = {},
  ): Response | Promise<Response> =>
    showPage(
      c,
      deps,
      {
        title: `New connection to ${provider.title}`,
        section: '/connections',
        status: more.trial === undefined ? 200 : 422,
      },
      <>
        {more.yaml !== undefined && <Yaml text={more.yaml} />}
        <ConnectionForm session={sessionOf(c)} provider={provider} values={values} trial={more.trial} />
      </>,
    );

  routes.get(NEW, (c) => {
    const id = c.req.query('provider');
    if (id !== undefined) return show(c, providerOf(id), emptyValues);
    const options = { title: 'New connection', section: '/connections' } as const;
    return showPage(c, deps, options, <ProviderChoice providers={steering.providers} />);
  });

  routes.post(NEW, async (c) => {
    const form = await sentForm(c);
    const provider = providerOf(form.one('provider'));
    const values = readValues(provider, form);
    const body = bodyOf(provider, values);
    const intent = form.one('intent');
    if (intent === 'yaml') return show(c, provider, values, { yaml: steering.asYaml(values.id, body) });
    const trial = await steering.tryConnection(values.id, body);
    const refused = trial.check?.error != null && intent !== 'unchecked';
    if (trial.problems.length > 0 || refused) return show(c, provider, values, { trial });
    await api.as(actorOf(c)).putConnection(values.id, body);
    setFlash(c, 'added');
    return c.redirect(`${connectionPath(values.id)}/added`, 303);
  });

  routes.get(ADDED, async (c) => {
    const { connection } = await steering.facts(c.req.param('id'));
    const { id } = connection;
    const yaml = await steering.storedYaml(id);
    const consent = await steering.needsConsent(id);
    return showPage(
      c,
      deps,
      { title: `${id} is there`, section: '/connections' },
      <>
        <div class="panel">
          {consent ? (
            <p>One step is left: a person gives it access at the provider, and comes back here.</p>
          ) : (
            <p>
              Its first run begins{' '}
              {connection.nextRunAt === null ? 'when somebody asks for it' : `at ${connection.nextRunAt}`}.
            </p>
          )}
          <p class="buttons">
            {consent ? (
              <a class="button" href={`/connect/${id}`}>
                Give access
              </a>
            ) : (
              <a class="button" href={`${connectionPath(id)}/actions/sync`}>
                Sync now
              </a>
            )}
            <a href={connectionPath(id)}>Look at it</a>
          </p>
        </div>
        <Yaml text={yaml} />
      </>,
    );
  });
  return routes;
}

function Yaml({ text }: { text: string }) {
  return (
    <section aria-labelledby="yaml">
      <h2 id="yaml">The same in sluice.yaml</h2>
      <p class="muted">
        The names in <code>{'${…}'}</code> are variables of the environment: secrets stay out of the file.
      </p>
      <pre tabindex={0} aria-label="The connection in sluice.yaml">
        <code>{text}</code>
      </pre>
    </section>
  );
}
