/** The console's reading pages, behind the operator's session. */
import { Hono, type Context } from 'hono';
import type { Child } from 'hono/jsx';
import { SluiceError } from '../../errors.ts';
import { assetPath } from '../assets.ts';
import { ConnectionPage } from '../console/connection-page.tsx';
import { CONNECTION_STATES, ConnectionsPage } from '../console/connections-page.tsx';
import type { ConsoleDeps } from '../console/contract.ts';
import { OverviewPage } from '../console/overview-page.tsx';
import { SPANS } from '../console/plots.tsx';
import { ProviderPage, ProvidersPage } from '../console/providers-page.tsx';
import { RecordPage } from '../console/record-page.tsx';
import { RecordsPage } from '../console/records-page.tsx';
import { RejectedPage } from '../console/rejected-page.tsx';
import { RunPage } from '../console/run-page.tsx';
import { RUN_STATUSES, RunsPage } from '../console/runs-page.tsx';
import type { WebApp, WebDeps, WebEnv } from '../contract.ts';
import { LATE, withDeadline } from '../deadline.ts';
import { takeFlash } from '../flash.tsx';
import { renderPage } from '../layout.tsx';
import type { Section } from '../navigation.tsx';
import { requireSession, type Sessions } from '../session.ts';

/** Without a script the overview is loaded again after so many seconds. */
const REFRESH_SECONDS = 15;
const HOURS = 24;
const MOST_HOURS = 7 * 24;
/** Characters of an id, a search, a cursor. */
const MAX_TEXT = 2_000;

interface Frame {
  readonly title: string;
  readonly section: Section;
  /** kept up to date by a script */
  readonly live?: boolean;
  readonly plots?: boolean;
}

export function consoleRoutes(deps: WebDeps & { readonly console: ConsoleDeps }, sessions: Sessions): WebApp {
  const routes = new Hono<WebEnv>();
  const pages = deps.console;
  const limitMs = deps.pageTimeoutMs ?? 5000;
  const queuesLink = deps.bullBoard !== undefined;
  const now = (): string => new Date(deps.now()).toISOString();

  const inTime = async <T,>(work: Promise<T>): Promise<T> => {
    const result = await withDeadline(work, limitMs);
    if (result !== LATE) return result;
    throw new SluiceError('status_unavailable', `The page was not there within ${limitMs / 1000} s.`);
  };
  const show = (c: Context<WebEnv>, frame: Frame, body: Child): Response | Promise<Response> =>
    c.html(
      renderPage(
        {
          title: frame.title,
          nonce: c.get('secureHeadersNonce'),
          session: c.get('session'),
          section: frame.section,
          queuesLink,
          flash: takeFlash(c),
          assets: [
            ...(frame.plots === true ? (['uplot.css', 'uplot.js', 'plots.js'] as const) : []),
            ...(frame.live === true ? (['live.js'] as const) : []),
          ].map(assetPath),
          ...(frame.plots === true ? { refreshSeconds: REFRESH_SECONDS } : {}),
        },
        body,
      ),
    );
  for (const path of ['/', '/activity', '/connections', '/connections/:id', '/runs', '/runs/:id'])
    routes.get(path, requireSession(sessions));
  for (const path of ['/connections/:id/streams/*', '/providers', '/providers/:name'])
    routes.get(path, requireSession(sessions));

  routes.get('/', async (c) => {
    const view = await inTime(pages.overview(spanOf(c.req.query('days'))));
    const frame = { title: 'Overview', section: '/', live: true, plots: true } as const;
    return show(c, frame, <OverviewPage view={view} queuesLink={queuesLink} />);
  });
  routes.get('/activity', async (c) => {
    const asked = c.req.query('hours') ?? String(HOURS);
    const hours = /^\d{1,3}$/.test(asked) ? Number(asked) : 0;
    if (hours < 1 || hours > MOST_HOURS)
      throw new SluiceError('request_invalid', `query.hours is no number from 1 to ${MOST_HOURS}.`);
    return c.json(await inTime(pages.activity(hours)));
  });

  routes.get('/connections', async (c) => {
    const [search, cursor] = [text(c, 'search')?.trim() || undefined, text(c, 'cursor')];
    const state = choice(c, 'state', Object.keys(CONNECTION_STATES) as (keyof typeof CONNECTION_STATES)[]);
    const states = state.chosen === undefined ? [] : CONNECTION_STATES[state.chosen];
    const view = await inTime(pages.connections({ search: search ?? '', states, cursor }));
    return show(
      c,
      { title: 'Connections', section: '/connections', live: true },
      <ConnectionsPage view={view} search={search} state={state} cursor={cursor} />,
    );
  });
  routes.get('/connections/:id', async (c, next) => {
    // the form for another one stands at this address
    if (c.req.param('id') === 'new') return next();
    const view = await inTime(pages.connection(name(c, 'id')));
    const frame = { title: view.connection.id, section: '/connections', live: true } as const;
    return show(c, frame, <ConnectionPage view={view} />);
  });

  routes.get('/runs', async (c) => {
    // typed where there are many
    const [connection, cursor] = [text(c, 'connection')?.trim() || undefined, text(c, 'cursor')];
    const status = choice(c, 'status', RUN_STATUSES);
    const view = await inTime(pages.runs({ connection, status: status.chosen, cursor }));
    return show(
      c,
      // an older page doesn't change
      { title: 'Runs', section: '/runs', live: cursor === undefined },
      <RunsPage view={view} connection={connection} status={status} cursor={cursor} />,
    );
  });
  routes.get('/runs/:id', async (c) => {
    const view = await inTime(pages.run(name(c, 'id')));
    const { connection, finishedAt } = view.run;
    const frame = { title: `Run of ${connection}`, section: '/runs', live: finishedAt === null } as const;
    return show(c, frame, <RunPage view={view} />);
  });

  routes.get('/connections/:id/streams/:stream', async (c) => {
    const place = { connection: name(c, 'id'), stream: name(c, 'stream') };
    const request = {
      prefix: text(c, 'prefix') ?? '',
      text: text(c, 'text') ?? '',
      deleted: c.req.query('deleted') !== undefined,
      after: text(c, 'after'),
    };
    const page = await inTime(pages.records(place.connection, place.stream, request));
    return show(
      c,
      { title: `Records of ${place.stream}`, section: '/connections' },
      <RecordsPage {...place} now={now()} page={page} request={request} />,
    );
  });
  routes.get('/connections/:id/streams/:stream/record', async (c) => {
    const place = { connection: name(c, 'id'), stream: name(c, 'stream') };
    const [record, before] = [text(c, 'id') ?? '', whole(c, 'before')];
    const history = await inTime(pages.record(place.connection, place.stream, record, before));
    return show(
      c,
      { title: `Record ${record}`, section: '/connections' },
      <RecordPage {...place} now={now()} history={history} before={before} />,
    );
  });
  routes.get('/connections/:id/streams/:stream/rejected', async (c) => {
    const place = { connection: name(c, 'id'), stream: name(c, 'stream') };
    const before = whole(c, 'before');
    const page = await inTime(pages.rejected(place.connection, place.stream, before));
    return show(
      c,
      { title: `Rejected records of ${place.stream}`, section: '/connections' },
      <RejectedPage {...place} now={now()} {...page} before={before} />,
    );
  });

  routes.get('/providers', (c) =>
    show(c, { title: 'Providers', section: '/providers' }, <ProvidersPage providers={pages.providers()} />),
  );
  routes.get('/providers/:name', (c) => {
    const provider = pages.provider(name(c, 'name'));
    return show(c, { title: provider.title, section: '/providers' }, <ProviderPage provider={provider} />);
  });
  return routes;
}

/** Hours of the plots. @throws SluiceError `request_invalid` */
function spanOf(days: string | undefined): number {
  const span = days === undefined ? SPANS[0] : SPANS.find((one) => one.days === days);
  if (span !== undefined) return span.hours;
  throw new SluiceError(
    'request_invalid',
    `query.days is none of ${SPANS.map((one) => one.days).join(', ')}.`,
  );
}

/** A name in the path. What Postgres can't hold names nothing. */
function name(c: Context<WebEnv>, parameter: string): string {
  const value = c.req.param(parameter) ?? '';
  if (value.includes('\0') || value.length > MAX_TEXT)
    throw new SluiceError('not_found', 'There is nothing of that name.');
  return value;
}

/** A text of the query; undefined where it is missing or empty. @throws SluiceError `request_invalid` */
function text(c: Context<WebEnv>, parameter: string): string | undefined {
  const value = c.req.query(parameter);
  if (value === undefined || value === '') return undefined;
  if (value.includes('\0') || value.length > MAX_TEXT)
    throw new SluiceError('request_invalid', `query.${parameter} is no text that can be looked for.`);
  return value;
}

/** One of the values that a list can be narrowed to. One that isn't among them narrows nothing, and the page says so. */
function choice<T extends string>(
  c: Context<WebEnv>,
  parameter: string,
  values: readonly T[],
): { readonly chosen: T | undefined; readonly unknown: string | undefined } {
  const asked = text(c, parameter);
  const chosen = values.find((value) => value === asked);
  return { chosen, unknown: chosen === undefined ? asked : undefined };
}

/** A whole number of the query. @throws SluiceError `request_invalid` */
function whole(c: Context<WebEnv>, parameter: string): number | undefined {
  const value = c.req.query(parameter);
  if (value === undefined) return undefined;
  if (!/^\d{1,15}$/.test(value))
    throw new SluiceError('request_invalid', `query.${parameter} is no whole number.`);
  return Number(value);
}
