/** One field of a form, with what is wrong beside it. */
import type { Child } from 'hono/jsx';
import type { SecretEdit } from '../../sync/edit-secrets.ts';
import type { FormField, FormProblem } from '../steering-contract.ts';

export const NO_FIELD: FormField = {
  name: '',
  required: false,
  description: '',
  options: [],
  default: null,
  list: false,
};

export function Said({ problems, named = false }: { problems: readonly FormProblem[]; named?: boolean }) {
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

interface FieldProps {
  readonly field: FormField;
  readonly path: string;
  readonly value: string;
  readonly problems: readonly FormProblem[];
}

export function Field({ field, path, value, problems }: FieldProps) {
  const { said, helpId } = attributesOf(path, field.required, problems);
  return (
    <div class="field">
      <Label path={path} optional={!field.required}>
        {field.name}
      </Label>
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
          type="text"
          value={value}
          placeholder={field.default ?? ''}
          autocomplete="off"
          autocapitalize="off"
          spellcheck={false}
        />
      )}
      <div id={helpId}>
        <Said problems={problems} />
        <Description field={field} />
      </div>
    </div>
  );
}

/**
 * A field for a secret. Nothing that was typed or stored goes back to the browser. `stored` says how many there are under
 * this name: then an empty field keeps them.
 */
export function SecretField(
  props: Omit<FieldProps, 'value'> & { readonly stored: number; readonly edit: SecretEdit | undefined },
) {
  const { field, path, problems, stored, edit } = props;
  const { name } = field;
  const { said, helpId } = attributesOf(path, field.required && stored === 0, problems);
  return (
    <div class="field">
      <Label path={path} optional={!field.required && stored === 0}>
        {name}
      </Label>
      <input {...said} {...HIDDEN} />
      <div id={helpId}>
        <Said problems={problems} />
        {stored > 0 && (
          <p>
            {stored === 1 ? 'One is stored' : `${stored} are stored`}: leave it empty to keep{' '}
            {stored === 1 ? 'it' : 'them'}; what you type replaces {stored === 1 ? 'it' : 'the first'}.
          </p>
        )}
        <Description field={field} />
      </div>
      {field.list && (
        <Rotation name={name} stored={stored} edit={edit} open={problems.length > 0 || stored > 1} />
      )}
      {!field.required && stored > 0 && (
        <Tick name="forget" value={name} text={`Remove the stored ${name}`} on={edit?.forget} />
      )}
    </div>
  );
}

/** While a secret is rotated there are two: the provider takes one, the other or both. */
function Rotation(props: { name: string; stored: number; edit: SecretEdit | undefined; open: boolean }) {
  const { name, stored, edit, open } = props;
  return (
    <details open={open}>
      <summary>Two of them, while {name} is rotated</summary>
      {stored > 0 && (
        <Tick name="keep" value={name} text={`Keep the stored ${name} as the second one`} on={edit?.keep} />
      )}
      {stored > 1 && (
        <Tick
          name="drop"
          value={name}
          text={`Remove the second ${name}: the rotation is over`}
          on={edit?.drop}
        />
      )}
      <Label path={`second.${name}`} optional>
        second {name}
      </Label>
      <input id={`second-${name}`} name={`second.${name}`} {...HIDDEN} />
    </details>
  );
}

const HIDDEN = {
  type: 'password',
  value: '',
  autocomplete: 'new-password',
  autocapitalize: 'off',
  spellcheck: false,
} as const;

function Tick(props: { name: string; value: string; text: string; on: boolean | undefined }) {
  const { name, value, text } = props;
  const id = `${name}-${value}`;
  return (
    <div class="choice">
      <input type="checkbox" id={id} name={name} value={value} checked={props.on === true} />
      <label for={id}>{text}</label>
    </div>
  );
}

function Label({ path, optional, children }: { path: string; optional: boolean; children?: Child }) {
  return (
    <label for={path.replaceAll('.', '-')}>
      {children}
      {optional && <span class="muted"> (optional)</span>}
    </label>
  );
}

function Description({ field }: { field: FormField }) {
  if (field.description === '') return <></>;
  return (
    <p class="muted">
      {field.description}
      {field.default !== null && ` [${field.default}]`}
    </p>
  );
}

function attributesOf(path: string, required: boolean, problems: readonly FormProblem[]) {
  const id = path.replaceAll('.', '-');
  const helpId = `${id}-help`;
  return {
    helpId,
    said: {
      id,
      name: path,
      'aria-describedby': helpId,
      ...(required ? { required: true } : {}),
      ...(problems.length > 0 ? { 'aria-invalid': 'true' as const } : {}),
    },
  };
}
