/** `/connections/:id/actions/:action` and `/runs/:id/cancel`: a page that says what will happen, and then it happens. */
import type { Context } from 'hono';
import type { Child } from 'hono/jsx';
import { SluiceError } from '../../errors.ts';
import { actorOf } from '../actor.ts';
import type { CheckReport } from '../api/contract.ts';
import type { WebApp, WebEnv } from '../contract.ts';
import { setFlash } from '../flash.tsx';
import { guardedRoutes, sentForm, sessionOf } from '../guard.ts';
import type { Session, Sessions } from '../session.ts';
import { connectionActions, type ConnectionAction } from '../steering/actions.tsx';
import { CheckSteps } from '../steering/check-steps.tsx';
import { connectionPath, CsrfField, showPage, type SteeringWebDeps } from '../steering/page.tsx';
import { Refusal } from '../steering/refusal.tsx';

const ACTION = '/connections/:id/actions/:action';
const CANCEL = '/runs/:id/cancel';

export function actionRoutes(deps: SteeringWebDeps, sessions: Sessions): WebApp {
  const routes = guardedRoutes([ACTION, CANCEL], deps, sessions);
  const { api, steering } = deps;

  routes.get('/connections/:id/actions/check', async (c) => {
    const { connection } = await steering.facts(c.req.param('id'));
    return confirm(c, deps, {
      title: `Check ${connection.id}`,
      back: connectionPath(connection.id),
      verb: 'Check now',
      says: [
        'A token is asked for, and the provider’s cheapest documented call is made, at once. Nothing is read or written.',
        ...(connection.state === 'needs_attention' || connection.state === 'needs_reconnect'
          ? ['It waits for a person now; where the check succeeds, it is active again.']
          : []),
      ],
    });
  });
  routes.post('/connections/:id/actions/check', async (c) => {
    await sentForm(c);
    const id = c.req.param('id');
    const report = await api.as(actorOf(c)).check(id);
    return showPage(
      c,
      deps,
      { title: `Check of ${id}`, section: '/connections' },
      <Checked report={report} />,
    );
  });

  routes.get(ACTION, async (c) => {
    const action = knownAction(c);
    const facts = await steering.facts(c.req.param('id'));
    const { id } = facts.connection;
    return confirm(c, deps, {
      title: `${action.title}: ${id}`,
      back: connectionPath(id),
      verb: action.verb,
      danger: action.danger === true,
      says: action.says(facts),
      body: action.body?.(facts),
      refusal: action.refuses?.(facts),
    });
  });
  routes.post(ACTION, async (c) => {
    const action = knownAction(c);
    const form = await sentForm(c);
    const facts = await steering.facts(c.req.param('id'));
    const refusal = action.refuses?.(facts);
    if (refusal !== undefined) throw refusal;
    const { to, flash } = await action.run(api.as(actorOf(c)), facts, form);
    setFlash(c, flash);
    return c.redirect(to, 303);
  });

  routes.get(CANCEL, async (c) => {
    const run = await api.run(c.req.param('id'));
    const left = run.streams.filter(({ status }) => OPEN.has(status)).map(({ name }) => name);
    return confirm(c, deps, {
      title: 'Cancel this run',
      back: `/runs/${run.id}`,
      section: '/runs',
      verb: 'Cancel the run',
      danger: true,
      says: [
        `The run ${run.id} of ${run.connection} ends. What it committed stays, and the next run goes on from there.`,
        left.length === 0
          ? 'Nothing of it is being read.'
          : `Not read to the end then: ${left.join(', ')}. A page that is being read is finished first.`,
        'A run that waits behind it begins.',
      ],
      refusal:
        run.finishedAt === null
          ? undefined
          : new SluiceError('request_invalid', `This run is over: ${run.status}.`, {
              advice: 'There is nothing to cancel.',
            }),
    });
  });
  routes.post(CANCEL, async (c) => {
    await sentForm(c);
    const id = c.req.param('id');
    const as = api.as(actorOf(c));
    const before = await as.run(id);
    const run = before.finishedAt === null ? await as.cancel(id) : before;
    setFlash(
      c,
      before.finishedAt !== null ? 'already-over' : run.finishedAt === null ? 'ends-soon' : 'cancelled',
    );
    return c.redirect(`/runs/${run.id}`, 303);
  });
  return routes;
}

const OPEN = new Set(['pending', 'queued', 'running', 'waiting']);

/** @throws SluiceError `route_not_found` */
function knownAction(c: Context<WebEnv>): ConnectionAction {
  const action = connectionActions.get(c.req.param('action') ?? '');
  if (action !== undefined) return action;
  throw new SluiceError('route_not_found', `Nothing answers ${c.req.method} ${c.req.path}.`);
}

interface Confirmation {
  readonly title: string;
  /** where whoever thinks better of it goes */
  readonly back: string;
  readonly section?: '/connections' | '/runs' | '/events' | '/notifications';
  readonly verb: string;
  readonly danger?: boolean;
  readonly says: readonly Child[];
  readonly body?: Child;
  readonly refusal?: SluiceError | undefined;
}

/** A page that says what will happen, with the button that lets it happen; or why it can't. */
export function confirm(
  c: Context<WebEnv>,
  deps: SteeringWebDeps,
  { title, back, section = '/connections', ...rest }: Confirmation,
): Response | Promise<Response> {
  const session = sessionOf(c);
  return showPage(
    c,
    deps,
    { title, section },
    <Confirm session={session} back={back} path={c.req.path} {...rest} />,
  );
}

function Confirm(
  props: Omit<Confirmation, 'title' | 'section'> & { readonly session: Session; readonly path: string },
) {
  const { refusal, back, session } = props;
  if (refusal !== undefined) return <Refusal error={refusal} back={back} />;
  return (
    <form class="panel form" method="post" action={props.path}>
      <CsrfField session={session} />
      <ul class="says">
        {props.says.map((sentence) => (
          <li>{sentence}</li>
        ))}
      </ul>
      {props.body}
      <p class="buttons">
        <button type="submit" class={props.danger === true ? 'danger' : undefined}>
          {props.verb}
        </button>
        <a href={back}>Leave it as it is</a>
      </p>
    </form>
  );
}

function Checked({ report }: { report: CheckReport }) {
  return (
    <div class={report.ok ? 'panel fine' : 'panel'} role="status">
      <p>
        <strong>{report.ok ? 'It works.' : 'It does not work.'}</strong>
        {report.cleared && ' The connection is active again.'}
      </p>
      <CheckSteps steps={report.steps} error={report.error} />
      <p class="buttons">
        <a class="button plain" href={connectionPath(report.connection)}>
          Back to {report.connection}
        </a>
      </p>
    </div>
  );
}
