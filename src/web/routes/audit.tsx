/** `/audit`: who did what, and when. */
import { actorKinds, type Actor, type AuditDetails, type AuditView } from '../../store/audit.ts';
import type { WebApp } from '../contract.ts';
import { clock } from '../format.ts';
import { guardedRoutes } from '../guard.ts';
import type { Sessions } from '../session.ts';
import { ChoiceFilter, ConnectionFilter, filterValue, ID, PagingLinks } from '../steering/filters.tsx';
import { connectionPath, showPage, type SteeringWebDeps } from '../steering/page.tsx';
import { Cell, Table } from '../table.tsx';

const PATH = '/audit';
const LOOKS = { begun: 'state warn', done: 'state ok', failed: 'state bad' } as const;
const KINDS = { operator: 'console', api_key: 'API', command: 'command' } as const;

export function auditRoutes(deps: SteeringWebDeps, sessions: Sessions): WebApp {
  const routes = guardedRoutes([PATH], deps, sessions);
  routes.get(PATH, async (c) => {
    const connection = filterValue(c, 'connection', ID);
    const action = filterValue(c, 'action', /^[a-z_.]{1,60}$/);
    const actor = filterValue(c, 'actor', new RegExp(`^(?:${actorKinds.join('|')})$`)) as
      Actor['kind'] | undefined;
    const before = filterValue(c, 'before', /^\d{1,18}$/);
    const { entries, next } = await deps.steering.audit({ connection, action, actor, before });
    return showPage(
      c,
      deps,
      { title: 'Audit log', section: PATH },
      <>
        <form class="filter" method="get" action={PATH}>
          <ConnectionFilter value={connection} />
          <div>
            <label for="action">Action</label>
            <input
              id="action"
              name="action"
              value={action ?? ''}
              placeholder="connection.reset"
              autocomplete="off"
            />
          </div>
          <ChoiceFilter name="actor" label="By" all="anybody" choices={actorKinds} value={actor} />
          <button type="submit">Show</button>
        </form>
        {entries.length === 0 ? (
          <p class="panel">
            No entry fits. What is done here, by the API or by a command stands here for a year.
          </p>
        ) : (
          <Entries entries={entries} />
        )}
        <PagingLinks path={PATH} query={{ connection, action, actor }} before={before} next={next} />
      </>,
    );
  });
  return routes;
}

function Entries({ entries }: { entries: readonly AuditView[] }) {
  return (
    <Table
      caption="Newest first. An action that says begun never told how it ended: its process died."
      heads={['Action', 'On', 'By', 'When', 'Outcome']}
      numbers={[]}
    >
      {entries.map((entry) => (
        <tr role="row">
          <th role="rowheader" scope="row">
            {entry.action}
            <span class="small">{factsOf(entry.details)}</span>
          </th>
          <Cell label="On">
            {entry.connection !== null && <a href={connectionPath(entry.connection)}>{entry.connection}</a>}
            {entry.subject !== null && <span class="small">{entry.subject}</span>}
            {entry.connection === null && entry.subject === null && '–'}
          </Cell>
          <Cell label="By">
            {KINDS[entry.actor.kind]}
            <span class="small">
              {entry.actor.name}
              {entry.actor.source !== null && `, ${entry.actor.source}`}
            </span>
          </Cell>
          <Cell label="When">
            <time datetime={entry.at}>{clock(entry.at)}</time>
          </Cell>
          <Cell label="Outcome">
            <span class={LOOKS[entry.outcome]}>{entry.outcome}</span>
            {entry.code !== null && <span class="small">{entry.code}</span>}
          </Cell>
        </tr>
      ))}
    </Table>
  );
}

/** `full: true, streams: employees` */
function factsOf(details: AuditDetails): string {
  return Object.entries(details)
    .map(([name, value]) => {
      const text =
        Array.isArray(value) && value.every((item) => typeof item === 'string') ? value.join(' ') : value;
      return `${name}: ${typeof text === 'string' ? text : JSON.stringify(text)}`;
    })
    .join(', ');
}
