/** The form of a new connection, made from its provider's declaration, with what is wrong beside each field. */
import type { Child } from 'hono/jsx';
import { endpointKeys } from '../../providers/contract.ts';
import type { Session } from '../session.ts';
import type { FormField, FormProblem, ProviderForm, Trial } from '../steering-contract.ts';
import { CheckSteps } from './check-steps.tsx';
import { isSecret, type ConnectionValues } from './connection-values.ts';
import { CsrfField } from './page.tsx';

export function ProviderChoice({ providers }: { providers: readonly ProviderForm[] }) {
  return (
    <>
      <p>Which provider does it read?</p>
      <ul class="cards">
        {providers.map((provider) => (
          <li class="panel">
            <h2>{provider.title}</h2>
            <p>{provider.description}</p>
            <p>
              <a class="button" href={`/connections/new?provider=${provider.id}`}>
                Connect {provider.title}
              </a>
            </p>
          </li>
        ))}
      </ul>
    </>
  );
}

interface FormProps {
  readonly session: Session;
  readonly provider: ProviderForm;
  readonly values: ConnectionValues;
  readonly trial?: Trial | undefined;
}

export function ConnectionForm({ session, provider, values, trial }: FormProps) {
  const problems = trial?.problems ?? [];
  const known = new Set<string>();
  /** What is said of a field, and of everything below it. */
  const of = (where: string): readonly FormProblem[] =>
    problems.filter((problem) => {
      const fits = problem.where === where || problem.where.startsWith(`${where}[`);
      if (fits) known.add(problem.where);
      return fits;
    });
  const fields = (group: 'settings' | 'credentials'): Child =>
    provider[group].map((field) => (
      <Field
        field={field}
        path={`${group}.${field.name}`}
        value={values[group][field.name] ?? ''}
        secret={group === 'credentials' && isSecret(field.name)}
        problems={of(`${group}.${field.name}`)}
      />
    ));
  const body = (
    <>
      <fieldset>
        <legend>Connection</legend>
        <Field
          path="id"
          field={{
            ...NO_FIELD,
            name: 'id',
            required: true,
            description: 'a-z, 0-9 and hyphens, such as acme-hr',
          }}
          value={values.id}
          problems={of('id')}
        />
      </fieldset>
      {provider.settings.length > 0 && (
        <fieldset>
          <legend>Settings</legend>
          {fields('settings')}
        </fieldset>
      )}
      <fieldset>
        <legend>Credentials</legend>
        <p class="muted">Stored encrypted, and never shown again.</p>
        <Said problems={of('credentials')} />
        {fields('credentials')}
      </fieldset>
      <fieldset>
        <legend>Streams</legend>
        <Said problems={of('streams')} />
        <details open={values.streams.length > 0}>
          <summary>Choose streams [all but the optional ones]</summary>
          <div class="choices">
            {provider.streams.map((stream) => (
              <div class="choice">
                <input
                  type="checkbox"
                  id={`stream-${stream.name}`}
                  name="streams"
                  value={stream.name}
                  checked={values.streams.includes(stream.name)}
                />
                <label for={`stream-${stream.name}`}>
                  {stream.title}
                  <span class="small">
                    {stream.name}
                    {stream.optional && ', optional'}
                  </span>
                </label>
              </div>
            ))}
          </div>
        </details>
      </fieldset>
      <fieldset>
        <legend>Schedule</legend>
        <Field
          path="schedule"
          field={{
            ...NO_FIELD,
            name: 'schedule',
            description: 'cron, or every 5m; manual for none',
            default: provider.schedule,
          }}
          value={values.schedule}
          problems={of('schedule')}
        />
        <Field
          path="timezone"
          field={{ ...NO_FIELD, name: 'timezone', description: 'such as Europe/Paris', default: 'UTC' }}
          value={values.timezone}
          problems={of('timezone')}
        />
      </fieldset>
      <fieldset>
        <legend>Endpoints</legend>
        <details
          open={
            Object.keys(values.endpoints).length > 0 ||
            problems.some(({ where }) => where.startsWith('endpoints'))
          }
        >
          <summary>Other addresses than {provider.title}’s own, for a staging twin or a proxy</summary>
          {endpointKeys.map((key) => (
            <Field
              path={`endpoints.${key}`}
              field={{ ...NO_FIELD, name: key }}
              value={values.endpoints[key] ?? ''}
              problems={of(`endpoints.${key}`)}
            />
          ))}
        </details>
      </fieldset>
    </>
  );
  const rest = problems.filter(({ where }) => !known.has(where));
  return (
    <>
      <Summary trial={trial} rest={rest} />
      <form class="panel form" method="post" action="/connections/new">
        <CsrfField session={session} />
        <input type="hidden" name="provider" value={provider.id} />
        {body}
        <p class="muted">
          It is checked at {provider.title} before it is stored, where that is possible without a person’s
          consent.
        </p>
        <p class="buttons">
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
          <a href="/connections/new">Another provider</a>
        </p>
      </form>
    </>
  );
}

const NO_FIELD: FormField = { name: '', required: false, description: '', options: [], default: null };

function Summary({ trial, rest }: { trial: Trial | undefined; rest: readonly FormProblem[] }) {
  if (trial === undefined) return <></>;
  if (trial.problems.length === 0 && trial.check?.error == null) return <></>;
  const { problems, check } = trial;
  return (
    <div class="alert" role="alert">
      {problems.length > 0 ? (
        <p>
          <strong>
            {problems.length === 1 ? 'One thing is' : `${problems.length} things are`} not right yet; nothing
            was stored.
          </strong>{' '}
          Secrets must be entered once more.
        </p>
      ) : (
        <p>
          <strong>The check did not succeed; nothing was stored.</strong> Secrets must be entered once more.
        </p>
      )}
      <Said problems={rest} named />
      {check !== null && <CheckSteps steps={check.steps} error={check.error} />}
    </div>
  );
}

function Said({ problems, named = false }: { problems: readonly FormProblem[]; named?: boolean }) {
  return (
    <>
      {problems.map(({ where, message, fix }) => (
        <p class="wrong">
          {named ? `${where}: ` : ''}
          {message}. {fix}
        </p>
      ))}
    </>
  );
}

function Field(props: {
  field: FormField;
  path: string;
  value: string;
  secret?: boolean;
  problems: readonly FormProblem[];
}) {
  const { field, path, value, problems } = props;
  const id = path.replaceAll('.', '-');
  const wrong = problems.length > 0;
  const said = {
    id,
    name: path,
    'aria-describedby': `${id}-help`,
    ...(field.required ? { required: true } : {}),
    ...(wrong ? { 'aria-invalid': 'true' as const } : {}),
  };
  return (
    <div class="field">
      <label for={id}>
        {field.name}
        {!field.required && <span class="muted"> (optional)</span>}
      </label>
      {field.options.length > 0 ? (
        <select {...said}>
          {!field.required && <option value="">{field.default ?? ''}</option>}
          {field.options.map((option) => (
            <option value={option} selected={option === value}>
              {option}
            </option>
          ))}
        </select>
      ) : (
        <input
          {...said}
          type={props.secret === true ? 'password' : 'text'}
          value={props.secret === true ? '' : value}
          placeholder={field.default ?? ''}
          autocomplete={props.secret === true ? 'new-password' : 'off'}
          autocapitalize="off"
          spellcheck={false}
        />
      )}
      <div id={`${id}-help`}>
        <Said problems={problems} />
        {field.description !== '' && (
          <p class="muted">
            {field.description}
            {field.default !== null && ` [${field.default}]`}
          </p>
        )}
      </div>
    </div>
  );
}
