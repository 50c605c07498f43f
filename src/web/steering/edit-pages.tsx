/** What an edit of a connection would change, before it is stored; and the page of one that is not edited here. */
import type { Difference } from '../../sync/edit-connection.ts';
import type { Session } from '../session.ts';
import type { EditableConnection, EditTrial } from '../steering-contract.ts';
import { Cell, Table } from '../table.tsx';
import { CheckSteps } from './check-steps.tsx';
import { Yaml } from './connection-yaml.tsx';
import { connectionPath, CsrfField } from './page.tsx';

export interface PreviewProps {
  readonly session: Session;
  readonly connection: EditableConnection;
  readonly trial: EditTrial;
  readonly draft: string;
  /** where it is confirmed */
  readonly action: string;
}

export function EditPreview({ session, connection, trial, draft, action }: PreviewProps) {
  const { differences, warnings, check } = trial;
  const { form, untouched } = connection;
  return (
    <>
      <div class="panel">
        <Table caption="What will change." heads={['Key', 'Now', 'Then']} numbers={[]}>
          {differences.map(({ key, before, after }) => (
            <tr role="row">
              <th role="rowheader" scope="row">
                <code>{key}</code>
              </th>
              <Cell label="Now">{shown(before, key, form.schedule)}</Cell>
              <Cell label="Then">
                {typeof after === 'number' ? secretAfter(before, after) : shown(after, key, form.schedule)}
              </Cell>
            </tr>
          ))}
        </Table>
        <ul class="says after">
          {sentences(connection, trial).map((sentence) => (
            <li>{sentence}</li>
          ))}
          {untouched.length > 0 && (
            <li>
              What the form doesn’t show stays as it is:{' '}
              {untouched.map((key, index) => (
                <>
                  {index > 0 && ', '}
                  <code>{key}</code>
                </>
              ))}
              .
            </li>
          )}
          {warnings.map(({ where, message, fix }) => (
            <li>
              <span class="state warn">look at this</span> <code>{where}</code> {message}. {fix}
            </li>
          ))}
        </ul>
        {check !== null && <CheckSteps steps={check.steps} error={check.error} />}
        <form class="form" method="post" action={action}>
          <CsrfField session={session} />
          <input type="hidden" name="draft" value={draft} />
          <p class="buttons">
            <button type="submit" name="intent" value="store">
              Store the changes
            </button>
            <button type="submit" name="intent" value="back" class="quiet">
              Change something
            </button>
            <a href={connectionPath(connection.id)}>Leave it as it is</a>
          </p>
        </form>
      </div>
      <Yaml text={trial.yaml} title="Then, in sluice.yaml" />
    </>
  );
}

/** What else is worth knowing before it is stored. */
function sentences({ state, form }: EditableConnection, trial: EditTrial): string[] {
  const { check, needsConsent, differences } = trial;
  const said = [];
  if (check !== null) said.push(`It was tried at ${form.title} with these changes, and works.`);
  else if (needsConsent)
    said.push(`It was not tried at ${form.title}: its access comes from a person’s consent.`);
  else said.push(`It was not tried at ${form.title}.`);
  if (needsConsent && differences.some(({ key }) => key === 'credentials.clientId'))
    said.push('Another application needs a consent of its own: a person must connect it again.');
  if (state === 'paused') said.push('It stays paused.');
  else said.push('Its schedule begins anew with the next time that fits.');
  if (state === 'needs_attention' || state === 'needs_reconnect')
    said.push('It waits for a person now; with these changes it is active again.');
  return said;
}

function shown(value: Difference['before'], key: string, suggested: string): string {
  if (typeof value === 'number') return count(value);
  if (value !== null) return value;
  if (key === 'streams') return 'all but the optional ones';
  if (key === 'schedule') return `not set: ${suggested}`;
  return 'not set';
}

function count(secrets: number): string {
  if (secrets === 0) return 'not set';
  return secrets === 1 ? 'one, not shown' : `${secrets}, not shown`;
}

function secretAfter(before: Difference['before'], after: number): string {
  if (after === 0) return 'removed';
  if (after === 1) return before === 1 ? 'another one, not shown' : 'one, not shown';
  return `${after} while it is rotated, not shown`;
}

/** A connection that a file describes is changed there. */
export function FileManaged({ connection }: { connection: EditableConnection }) {
  const { id, yaml } = connection;
  return (
    <>
      <div class="panel">
        <p>
          <strong>{id} is described by a file, and is changed there.</strong> A change made here would be
          undone by the next <code>sluice apply</code>.
        </p>
        <ol class="steps">
          <li>
            Change what stands under <code>connections.{id}</code> in <code>sluice.yaml</code>.
          </li>
          <li>
            See what it would do: <code>sluice apply sluice.yaml --dry-run</code>
          </li>
          <li>
            Do it: <code>sluice apply sluice.yaml</code>
          </li>
        </ol>
        <p class="buttons">
          <a class="button plain" href={connectionPath(id)}>
            Back to {id}
          </a>
        </p>
      </div>
      <Yaml text={yaml} title="As it is applied now">
        <p>
          Defaults are left out. Your file may name its variables otherwise: what they held when it was
          applied is stored, and their names are not.
        </p>
      </Yaml>
    </>
  );
}
