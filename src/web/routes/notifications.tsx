/** `/notifications`: what was told, or is still to be told, to the operator's own address. */
import { SluiceError } from '../../errors.ts';
import type { NotificationView } from '../../webhooks/notify-log.ts';
import { actorOf } from '../actor.ts';
import type { WebApp } from '../contract.ts';
import { setFlash } from '../flash.tsx';
import { clock, count } from '../format.ts';
import { guardedRoutes, sentForm, sessionOf } from '../guard.ts';
import type { Session, Sessions } from '../session.ts';
import { filterValue, ID, PagingLinks } from '../steering/filters.tsx';
import { CsrfField, showPage, type SteeringWebDeps } from '../steering/page.tsx';
import { Cell, Table } from '../table.tsx';

const PATH = '/notifications';
const RESEND = '/notifications/:id/resend';
const PLACE = /^[\d:.TZ-]{20,40}~[\w-]{1,100}$/;
const LOOKS = { pending: 'state busy', sent: 'state ok', failed: 'state bad', skipped: 'state' } as const;

export function notificationRoutes(deps: SteeringWebDeps, sessions: Sessions): WebApp {
  const routes = guardedRoutes([PATH, RESEND], deps, sessions);
  const { steering } = deps;

  routes.get(PATH, async (c) => {
    const before = filterValue(c, 'before', PLACE);
    const { data, next, configured } = await steering.notifications(before);
    return showPage(
      c,
      deps,
      { title: 'Notifications', section: PATH },
      <>
        {!configured && (
          <p class="panel">
            No address is set, so that nothing is sent: set <code>SLUICE_NOTIFY_URL</code> and{' '}
            <code>SLUICE_NOTIFY_SECRET</code>, restart, and try <code>sluice notify test</code>. From then on
            they are sent; of those from before, only what is at most ten minutes old.
          </p>
        )}
        {data.length === 0 ? (
          <p class="panel after">
            There was nothing to tell yet. Runs that fail or hold deletes, connections that need a person, and
            changes that are there to be read are told.
          </p>
        ) : (
          <Log data={data} session={sessionOf(c)} resendable={configured} />
        )}
        <PagingLinks path={PATH} query={{}} before={before} next={next} />
      </>,
    );
  });

  // no confirmation: the receiver knows the message by its id, and telling it twice is what it must stand anyway
  routes.post(RESEND, async (c) => {
    await sentForm(c);
    const id = c.req.param('id');
    if (!ID.test(id)) throw new SluiceError('not_found', 'There is no such notification.');
    await steering.resend(actorOf(c), id);
    setFlash(c, 'resent');
    return c.redirect(PATH, 303);
  });
  return routes;
}

function Log(props: { data: readonly NotificationView[]; session: Session; resendable: boolean }) {
  return (
    <Table
      caption="Newest first. Each carries the id under which its receiver sees it."
      heads={['Notification', 'State', 'Written', 'Attempts', 'Next try', 'Last answer', 'Again']}
      numbers={['Attempts']}
    >
      {props.data.map((one) => (
        <>
          <tr role="row">
            <th role="rowheader" scope="row">
              {one.type}
              <span class="small">{about(one.data)}</span>
              <span class="small">{one.id}</span>
            </th>
            <Cell label="State">
              <span class={LOOKS[one.status]}>{one.status}</span>
            </Cell>
            <Cell label="Written">
              <time datetime={one.createdAt}>{clock(one.createdAt)}</time>
            </Cell>
            <Cell label="Attempts" number>
              {count(one.attempts)}
            </Cell>
            <Cell label="Next try">{one.nextAttemptAt === null ? '–' : clock(one.nextAttemptAt)}</Cell>
            <Cell label="Last answer">{one.lastStatus ?? (one.attempts === 0 ? '–' : 'none came')}</Cell>
            <Cell label="Again">
              {props.resendable && one.status !== 'pending' ? (
                <form method="post" action={`${PATH}/${one.id}/resend`}>
                  <CsrfField session={props.session} />
                  <button type="submit" class="quiet" aria-label={`Send ${one.id} again`}>
                    Send again
                  </button>
                </form>
              ) : (
                '–'
              )}
            </Cell>
          </tr>
          {one.error !== null && (
            <tr role="row" class="more">
              <td role="cell" class="error" colspan={7}>
                <code>{one.error.code}</code> {one.error.message} <strong>{one.error.advice}</strong>
              </td>
            </tr>
          )}
        </>
      ))}
    </Table>
  );
}

/** Connection and run of what was told. */
function about(data: unknown): string {
  const { connection, run } = (data ?? {}) as { readonly connection?: unknown; readonly run?: unknown };
  return [connection, run].filter((part) => typeof part === 'string').join(', run ');
}
