/** `/connections/:id/mappings`: an operator gives his own ids to what a provider has. */
import type { Context } from 'hono';
import { SluiceError } from '../../errors.ts';
import type { MappingChange } from '../../sync/mappings.ts';
import { actorOf } from '../actor.ts';
import type { MappingsDeps, WebApp, WebDeps, WebEnv } from '../contract.ts';
import type { SentForm } from '../form.ts';
import { guardedRoutes, sentForm, sessionOf } from '../guard.ts';
import { renderPage } from '../layout.tsx';
import { MappingsPage, mappingsPath, type MappingsPageProps } from '../mappings-page.tsx';
import type { Sessions } from '../session.ts';

const PATH = '/connections/:id/mappings';
const MAX_CURSOR = 1_000;

export function mappingsRoutes(
  deps: WebDeps & { readonly mappings: MappingsDeps },
  sessions: Sessions,
): WebApp {
  const routes = guardedRoutes([PATH], deps, sessions);
  const { mappings } = deps;

  const show = async (
    c: Context<WebEnv>,
    more: Pick<MappingsPageProps, 'after' | 'saved' | 'problem' | 'typed'>,
  ): Promise<Response> => {
    const session = sessionOf(c);
    const view = await mappings.view(c.req.param('id') ?? '', more.after);
    const queuesLink = deps.bullBoard !== undefined;
    return c.html(
      renderPage(
        { title: `Mappings of ${view.connection}`, nonce: c.get('secureHeadersNonce'), session, queuesLink },
        <MappingsPage view={view} csrf={session.csrf} {...more} />,
      ),
      more.problem === undefined ? 200 : 400,
    );
  };

  routes.get(PATH, (c) =>
    show(c, { after: cursor(c.req.query('after')), saved: c.req.query('saved') !== undefined }),
  );

  routes.post(PATH, async (c) => {
    const form = await sentForm(c);
    const after = cursor(form.one('after'));
    const id = c.req.param('id');
    const { changes, typed } = readMappings(form);
    try {
      if (changes.length > 0) await mappings.save(actorOf(c), id, changes);
    } catch (error) {
      if (!(error instanceof SluiceError) || error.code !== 'request_invalid') throw error;
      return show(c, { after, saved: false, problem: error, typed });
    }
    const query = new URLSearchParams({ saved: '', ...(after === undefined ? {} : { after }) });
    return c.redirect(`${mappingsPath(id)}?${query.toString()}`, 303);
  });
  return routes;
}

function cursor(given: string | undefined): string | undefined {
  if (given === undefined || given === '') return undefined;
  if (given.length <= MAX_CURSOR && !given.includes('\0')) return given;
  throw new SluiceError('request_invalid', 'This page of mappings does not exist.');
}

/**
 * What the operator changed, and no more: what stands in the other fields may have been changed by somebody else meanwhile.
 *
 * @throws SluiceError `request_invalid`
 */
function readMappings(form: SentForm): { changes: MappingChange[]; typed: Map<string, string> } {
  const [externals, before, own] = [form.all('external'), form.all('was'), form.all('own')];
  if (externals.length !== before.length || externals.length !== own.length || externals.includes('')) {
    throw new SluiceError('request_invalid', 'The form is not complete.', {
      advice: 'Open the page again and send the form from there.',
    });
  }
  const typed = new Map(externals.map((external, index) => [external, (own[index] ?? '').trim()]));
  const changes = externals.flatMap((external, index) => {
    const now = typed.get(external) ?? '';
    return now === before[index] ? [] : [{ external, own: now === '' ? null : now }];
  });
  return { changes, typed };
}
