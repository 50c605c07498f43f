/** The form of a connection, made from its provider's declaration, with what is wrong beside each field. */
import type { Child } from 'hono/jsx';
import { endpointKeys } from '../../providers/contract.ts';
import type { ConnectionEdit } from '../../sync/edit-connection.ts';
import { isSecret } from '../../sync/edit-secrets.ts';
import type { Session } from '../session.ts';
import type { FormField, FormProblem, ProviderForm, Trial } from '../steering-contract.ts';
import { CheckSteps } from './check-steps.tsx';
import { Field, NO_FIELD, Said, SecretField } from './form-field.tsx';
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
  readonly values: ConnectionEdit;
  readonly trial?: Trial | undefined;
  /** how many secrets are stored under each name, of one that is stored */
  readonly secrets?: Readonly<Record<string, number>>;
  /** the field of a new one's id; hidden fields of a stored one */
  readonly head: (problems: readonly FormProblem[]) => Child;
  /** where it is sent */
  readonly action: string;
  readonly buttons: Child;
}

export function ConnectionForm(props: FormProps) {
  const { session, provider, values, trial, secrets = {} } = props;
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
    provider[group].map((field: FormField) => {
      const path = `${group}.${field.name}`;
      const said = { field, path, problems: of(path) };
      return group === 'credentials' && isSecret(field.name) ? (
        <SecretField {...said} stored={secrets[field.name] ?? 0} edit={values.secrets[field.name]} />
      ) : (
        <Field {...said} value={values[group][field.name] ?? ''} />
      );
    });
  const body = (
    <>
      {props.head(of('id'))}
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
        <Streams provider={provider} chosen={values.streams} />
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
            Object.values(values.endpoints).some((url) => url !== '') ||
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
      <form class="panel form" method="post" action={props.action}>
        <CsrfField session={session} />
        {body}
        <p class="muted">
          It is checked at {provider.title} before it is stored, where that is possible without a person’s
          consent.
        </p>
        <p class="buttons">{props.buttons}</p>
      </form>
    </>
  );
}

function Streams({ provider, chosen }: { provider: ProviderForm; chosen: readonly string[] }) {
  return (
    <details open={chosen.length > 0}>
      <summary>Choose streams [all but the optional ones]</summary>
      <div class="choices">
        {provider.streams.map(({ name, title, optional, custom }) => (
          <div class="choice">
            <input
              type="checkbox"
              id={`stream-${name}`}
              name="streams"
              value={name}
              checked={chosen.includes(name)}
            />
            <label for={`stream-${name}`}>
              {title}
              <span class="small">
                {custom ? 'a custom stream; with none of them ticked, all are read' : name}
                {optional && ', optional'}
              </span>
            </label>
          </div>
        ))}
      </div>
    </details>
  );
}

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
