/** `/connections/:id/edit`: a stored connection changed by the form it was made with, tried before it is stored. */
import type { Context } from 'hono';
import { SluiceError } from '../../errors.ts';
import type { ConnectionEdit } from '../../sync/edit-connection.ts';
import { actorOf } from '../actor.ts';
import type { WebApp, WebEnv } from '../contract.ts';
import { setFlash } from '../flash.tsx';
import { guardedRoutes, sentForm, sessionOf } from '../guard.ts';
import type { Sessions } from '../session.ts';
import type { EditableConnection, EditTrial } from '../steering-contract.ts';
import { ConnectionForm } from '../steering/connection-form.tsx';
import { readValues } from '../steering/connection-values.ts';
import { EditPreview, FileManaged } from '../steering/edit-pages.tsx';
import { connectionPath, editPath, showPage, type SteeringWebDeps } from '../steering/page.tsx';
import { Refusal } from '../steering/refusal.tsx';

const EDIT = '/connections/:id/edit';

export function editConnectionRoutes(deps: SteeringWebDeps, sessions: Sessions): WebApp {
  const routes = guardedRoutes([EDIT], deps, sessions);
  const { steering } = deps;

  const page = (
    c: Context<WebEnv>,
    id: string,
    main: Parameters<typeof showPage>[3],
    status: 200 | 409 | 422 = 200,
  ): Response | Promise<Response> =>
    showPage(c, deps, { title: `Edit ${id}`, section: '/connections', status }, main);
  const showForm = (
    c: Context<WebEnv>,
    connection: EditableConnection,
    values: ConnectionEdit,
    trial?: EditTrial,
  ): Response | Promise<Response> => {
    const unchanged = trial !== undefined && trial.draft !== null && trial.differences.length === 0;
    const status = trial === undefined || unchanged ? 200 : 422;
    const main = (
      <>
        <Notes connection={connection} unchanged={unchanged} />
        <EditForm c={c} connection={connection} values={values} trial={trial} />
      </>
    );
    return page(c, connection.id, main, status);
  };

  routes.get(EDIT, async (c) => {
    const connection = await steering.editable(c.req.param('id'));
    return connection.managedBy === 'file'
      ? page(c, connection.id, <FileManaged connection={connection} />)
      : showForm(c, connection, connection.values);
  });

  routes.post(EDIT, async (c) => {
    const form = await sentForm(c);
    const id = c.req.param('id');
    const session = sessionOf(c).id;
    const [intent, draft = ''] = [form.one('intent'), form.one('draft')];
    try {
      if (intent === 'store') {
        await steering.storeEdit(actorOf(c), id, draft, session);
        setFlash(c, 'changed');
        return c.redirect(connectionPath(id), 303);
      }
      const connection = await steering.editable(id);
      if (intent === 'back')
        return await showForm(c, connection, await steering.reopenEdit(id, draft, session));
      const values = readValues(connection.form, form);
      const version = form.one('version') ?? '';
      const check = intent !== 'unchecked';
      const trial = await steering.tryEdit(id, values, { version, session, check });
      if (trial.draft === null || trial.differences.length === 0)
        return await showForm(c, connection, values, trial);
      const preview = { connection, trial, draft: trial.draft };
      return await page(c, id, <EditPreview {...preview} session={sessionOf(c)} action={editPath(id)} />);
    } catch (error) {
      if (!(error instanceof SluiceError) || error.code !== 'connection_changed') throw error;
      return page(c, id, <Refusal error={error} back={editPath(id)} word="Open the form again" />, 409);
    }
  });
  return routes;
}

function Notes({ connection, unchanged }: { connection: EditableConnection; unchanged: boolean }) {
  const { untouched } = connection;
  return (
    <>
      {unchanged && (
        <p class="notice" role="status">
          Nothing would change: everything is stored as it stands here.
        </p>
      )}
      {connection.unreadable && (
        <p class="notice bad">
          Its stored credentials can’t be read: the key that encrypted them is gone. Enter them again.
        </p>
      )}
      {untouched.length > 0 && (
        <p class="muted">
          Not in this form, and left as it is: {untouched.join(', ')}. Changed by <code>PUT</code> to{' '}
          <code>/v1/connections/{connection.id}</code>.
        </p>
      )}
    </>
  );
}

function EditForm(props: {
  c: Context<WebEnv>;
  connection: EditableConnection;
  values: ConnectionEdit;
  trial: EditTrial | undefined;
}) {
  const { c, connection, values, trial } = props;
  const { id, form, secrets, version } = connection;
  return (
    <ConnectionForm
      session={sessionOf(c)}
      provider={form}
      values={values}
      trial={trial}
      secrets={secrets}
      action={editPath(id)}
      head={() => <input type="hidden" name="version" value={version} />}
      buttons={
        <>
          <button type="submit" name="intent" value="preview">
            Check and show what changes
          </button>
          {trial?.check?.error != null && (
            <button type="submit" name="intent" value="unchecked" class="quiet">
              Go on without the check
            </button>
          )}
          <a href={connectionPath(id)}>Leave it as it is</a>
        </>
      }
    />
  );
}
