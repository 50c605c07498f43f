/** `/connections/new` and `/connections/:id/added`: a connection made by a form, tried before it is stored. */
import type { Context } from 'hono';
import { SluiceError } from '../../errors.ts';
import type { ConnectionEdit } from '../../sync/edit-connection.ts';
import { actorOf } from '../actor.ts';
import type { WebApp, WebEnv } from '../contract.ts';
import { setFlash } from '../flash.tsx';
import { guardedRoutes, sentForm, sessionOf } from '../guard.ts';
import type { Sessions } from '../session.ts';
import type { FormProblem, ProviderForm, Trial } from '../steering-contract.ts';
import { ConnectionForm, ProviderChoice } from '../steering/connection-form.tsx';
import { bodyOf, emptyValues, readValues } from '../steering/connection-values.ts';
import { Yaml } from '../steering/connection-yaml.tsx';
import { Field, NO_FIELD } from '../steering/form-field.tsx';
import { connectionPath, showPage, type SteeringWebDeps } from '../steering/page.tsx';

const NEW = '/connections/new';
const ADDED = '/connections/:id/added';

export function newConnectionRoutes(deps: SteeringWebDeps, sessions: Sessions): WebApp {
  const routes = guardedRoutes([NEW, ADDED], deps, sessions);
  const { api, steering } = deps;

  const providerOf = (id: string | undefined): ProviderForm => {
    const provider = steering.providers.find((one) => one.id === id);
    if (provider !== undefined) return provider;
    throw new SluiceError('not_found', 'There is no such provider.', { advice: `Choose one on ${NEW}.` });
  };
  const show = (
    c: Context<WebEnv>,
    provider: ProviderForm,
    id: string,
    values: ConnectionEdit,
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
        <ConnectionForm
          session={sessionOf(c)}
          provider={provider}
          values={values}
          trial={more.trial}
          action={NEW}
          head={(problems) => <Head provider={provider} id={id} problems={problems} />}
          buttons={<Buttons trial={more.trial} />}
        />
      </>,
    );

  routes.get(NEW, (c) => {
    const id = c.req.query('provider');
    if (id !== undefined) return show(c, providerOf(id), '', emptyValues);
    const options = { title: 'New connection', section: '/connections' } as const;
    return showPage(c, deps, options, <ProviderChoice providers={steering.providers} />);
  });

  routes.post(NEW, async (c) => {
    const form = await sentForm(c);
    const provider = providerOf(form.one('provider'));
    const id = (form.one('id') ?? '').trim();
    const values = readValues(provider, form);
    const body = bodyOf(provider, values);
    const intent = form.one('intent');
    if (intent === 'yaml') return show(c, provider, id, values, { yaml: steering.asYaml(id, body) });
    const trial = await steering.tryConnection(id, body);
    const refused = trial.check?.error != null && intent !== 'unchecked';
    if (trial.problems.length > 0 || refused) return show(c, provider, id, values, { trial });
    await api.as(actorOf(c)).putConnection(id, body);
    setFlash(c, 'added');
    return c.redirect(`${connectionPath(id)}/added`, 303);
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

function Head(props: { provider: ProviderForm; id: string; problems: readonly FormProblem[] }) {
  const description = 'a-z, 0-9 and hyphens, such as acme-hr';
  return (
    <fieldset>
      <legend>Connection</legend>
      <input type="hidden" name="provider" value={props.provider.id} />
      <Field
        path="id"
        field={{ ...NO_FIELD, name: 'id', required: true, description }}
        value={props.id}
        problems={props.problems}
      />
    </fieldset>
  );
}

function Buttons({ trial }: { trial: Trial | undefined }) {
  return (
    <>
      <button type="submit" name="intent" value="add">
        Check and add
      </button>
      <button type="submit" name="intent" value="yaml" class="quiet">
        Show as sluice.yaml
      </button>
      {trial?.check != null && trial.check.error !== null && (
        <button type="submit" name="intent" value="unchecked" class="quiet">
          Add without the check
        </button>
      )}
      <a href={NEW}>Another provider</a>
    </>
  );
}
