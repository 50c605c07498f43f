/** The fields above a list, and the links below it. */
import type { Context } from 'hono';
import { SluiceError } from '../../errors.ts';
import type { WebEnv } from '../contract.ts';

/** One value of the query; undefined where the field is empty. @throws SluiceError `request_invalid` */
export function filterValue(c: Context<WebEnv>, name: string, fits: RegExp): string | undefined {
  const value = c.req.query(name)?.trim();
  if (value === undefined || value === '') return undefined;
  if (fits.test(value)) return value;
  throw new SluiceError('request_invalid', `There is no such ${name}.`, { advice: 'Open the list again.' });
}

/** What ids look like: what Postgres can't hold names nothing. */
export const ID = /^[\w-]{1,100}$/;

export function PagingLinks(props: {
  path: string;
  /** the filter, without the place */
  query: Readonly<Record<string, string | undefined>>;
  before: string | undefined;
  next: string | null;
}) {
  const link = (before?: string): string => {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries({ ...props.query, before }))
      if (value !== undefined) query.set(name, value);
    const text = query.toString();
    return text === '' ? props.path : `${props.path}?${text}`;
  };
  if (props.before === undefined && props.next === null) return <></>;
  return (
    <p class="pages">
      {props.before !== undefined && <a href={link()}>Newest</a>}
      {props.next !== null && <a href={link(props.next)}>Older</a>}
    </p>
  );
}

export function ConnectionFilter({ value }: { value: string | undefined }) {
  return (
    <div>
      <label for="connection">Connection</label>
      <input id="connection" name="connection" value={value ?? ''} autocomplete="off" spellcheck={false} />
    </div>
  );
}

export function ChoiceFilter(props: {
  name: string;
  label: string;
  all: string;
  choices: readonly string[];
  value: string | undefined;
}) {
  return (
    <div>
      <label for={props.name}>{props.label}</label>
      <select id={props.name} name={props.name}>
        <option value="">{props.all}</option>
        {props.choices.map((choice) => (
          <option value={choice} selected={choice === props.value}>
            {choice}
          </option>
        ))}
      </select>
    </div>
  );
}
