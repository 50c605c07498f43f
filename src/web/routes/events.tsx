/** `/events`, `/events/:id`, `/events/:id/replay`: the inbox of webhooks. */
import { SluiceError } from '../../errors.ts';
import { eventStatuses, type EventStatus } from '../../store/inbox-history.ts';
import { actorOf } from '../actor.ts';
import type { WebApp } from '../contract.ts';
import { setFlash } from '../flash.tsx';
import { guardedRoutes, sentForm } from '../guard.ts';
import type { Sessions } from '../session.ts';
import { EventDetail, EventList, isReplayable } from '../steering/event-pages.tsx';
import { ChoiceFilter, ConnectionFilter, filterValue, ID, PagingLinks } from '../steering/filters.tsx';
import { showPage, type SteeringWebDeps } from '../steering/page.tsx';
import { confirm } from './actions.tsx';

const STATUS = new RegExp(`^(?:${eventStatuses.join('|')})$`);

export function eventRoutes(deps: SteeringWebDeps, sessions: Sessions): WebApp {
  const routes = guardedRoutes(['/events', '/events/*'], deps, sessions);
  const { api, steering } = deps;

  routes.get('/events', async (c) => {
    const connection = filterValue(c, 'connection', ID);
    const status = filterValue(c, 'status', STATUS) as EventStatus | undefined;
    const before = filterValue(c, 'before', ID);
    const page = await steering.events({ connection, status, before });
    const filtered = [connection, status, before].some((part) => part !== undefined);
    return showPage(
      c,
      deps,
      { title: 'Events', section: '/events' },
      <>
        <form class="filter" method="get" action="/events">
          <ConnectionFilter value={connection} />
          <ChoiceFilter name="status" label="Status" all="any" choices={eventStatuses} value={status} />
          <button type="submit">Show</button>
        </form>
        <EventList page={page} filtered={filtered} />
        <PagingLinks path="/events" query={{ connection, status }} before={before} next={page.next} />
      </>,
    );
  });

  routes.get('/events/:id', async (c) => {
    const { event, body } = await steering.event(known(c.req.param('id')));
    return showPage(
      c,
      deps,
      { title: event.type ?? 'Event', section: '/events' },
      <EventDetail event={event} body={body} />,
    );
  });

  routes.get('/events/:id/replay', async (c) => {
    const { event, body } = await steering.event(known(c.req.param('id')));
    return confirm(c, deps, {
      title: 'Apply this event again',
      back: `/events/${event.id}`,
      section: '/events',
      verb: 'Apply again',
      says: [
        `The event ${event.id} of ${event.connection} goes back to the beginning of the inbox, and is applied as it came.`,
        'What is stored already and newer stays: versions decide, as they did the first time.',
      ],
      refusal: isReplayable(event, body)
        ? undefined
        : new SluiceError('event_not_replayable', `The event is open still, or its body is gone.`),
    });
  });
  routes.post('/events/:id/replay', async (c) => {
    await sentForm(c);
    const id = known(c.req.param('id'));
    await api.as(actorOf(c)).replayEvent(id);
    setFlash(c, 'replayed');
    return c.redirect(`/events/${id}`, 303);
  });
  return routes;
}

/** @throws SluiceError `not_found` */
function known(id: string): string {
  if (ID.test(id)) return id;
  throw new SluiceError('not_found', 'There is no such event.', { advice: 'See what there is on /events.' });
}
