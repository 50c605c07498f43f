/** The page of a connection's mappings: a form with an input for each organization and location. */
import type { MappingsPageView } from './contract.ts';
import type { SluiceError } from '../errors.ts';
import { SetupSection } from './setup-list.tsx';
import { Cell, Table } from './table.tsx';

export function mappingsPath(connection: string): string {
  return `/connections/${encodeURIComponent(connection)}/mappings`;
}

export interface MappingsPageProps {
  readonly view: MappingsPageView;
  readonly csrf: string;
  /** cursor of the page that is shown */
  readonly after: string | undefined;
  readonly saved: boolean;
  readonly problem?: SluiceError;
  /** what was typed, by external id, where it was refused */
  readonly typed?: ReadonlyMap<string, string>;
}

export function MappingsPage(props: MappingsPageProps) {
  const { view, after, saved, problem } = props;
  const path = mappingsPath(view.connection);
  return (
    <main>
      <h1>Your ids for {view.provider}</h1>
      <p class="muted">
        Connection <code>{view.connection}</code>. What {view.provider} calls by its own ids, your system can
        find by yours.
      </p>
      {problem !== undefined && (
        <div class="alert" role="alert">
          <strong>Nothing was saved.</strong> {problem.message} {problem.advice}
        </div>
      )}
      {saved && (
        <p class="panel fine" role="status">
          Saved.
        </p>
      )}
      {view.setup !== undefined && <SetupSection setup={view.setup} view={view} />}
      <section aria-labelledby="mappings">
        <h2 id="mappings">Mappings</h2>
        {view.rows.length === 0 ? (
          <p class="panel">
            {after === undefined ? (
              <>
                Nothing was synced yet. Run <code>sluice sync {view.connection}</code>, or wait for the
                schedule; then it stands here.
              </>
            ) : (
              'There is nothing more.'
            )}
          </p>
        ) : (
          <MappingsForm {...props} />
        )}
        <p class="pages">
          {after !== undefined && <a href={path}>First page</a>}
          {view.next !== null && <a href={`${path}?after=${encodeURIComponent(view.next)}`}>Next page</a>}
        </p>
      </section>
    </main>
  );
}

function MappingsForm({ view, csrf, after, typed }: MappingsPageProps) {
  return (
    <form method="post" action={mappingsPath(view.connection)}>
      <input type="hidden" name="csrf" value={csrf} />
      {after !== undefined && <input type="hidden" name="after" value={after} />}
      <Table
        caption="An empty field takes the id away. What you don't change stays as it is."
        heads={['Name', 'Kind', 'Your id']}
        numbers={[]}
      >
        {view.rows.map(({ external, own, stream, name }) => (
          <tr role="row">
            <th role="rowheader" scope="row">
              {name ?? external}
              {name !== null && <span class="small">{external}</span>}
            </th>
            <Cell label="Kind">{stream ?? 'no longer there'}</Cell>
            <Cell label="Your id" roomy>
              <input type="hidden" name="external" value={external} />
              <input type="hidden" name="was" value={own ?? ''} />
              <input
                type="text"
                name="own"
                value={typed?.get(external) ?? own ?? ''}
                aria-label={`Your id for ${name ?? external}`}
                maxlength={200}
                autocomplete="off"
                spellcheck={false}
              />
            </Cell>
          </tr>
        ))}
      </Table>
      <p class="after">
        <button type="submit">Save</button>
      </p>
    </form>
  );
}
