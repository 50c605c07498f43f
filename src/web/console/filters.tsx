/** Fields above the lists of the reading pages, and what stands there when they were filled in wrongly. */

/** A list, page by page. */
export interface ListPageProps<View> {
  readonly view: View;
  /** of this page; undefined: the first */
  readonly cursor: string | undefined;
}

/** What a list is narrowed to, or was to be narrowed to and can't, since there is no such value. */
export interface Chosen {
  readonly chosen: string | undefined;
  readonly unknown: string | undefined;
}

export function NoSuchChoice(props: { what: string; asked: string | undefined; values: readonly string[] }) {
  if (props.asked === undefined) return <></>;
  return (
    <p class="notice" role="status">
      There is no {props.what} <code>{props.asked}</code>, so that the list isn't narrowed by it. There are:{' '}
      {props.values.map((value, index) => (
        <>
          {index > 0 && ', '}
          <code>{value}</code>
        </>
      ))}
      .
    </p>
  );
}

/** An id of which there are too many to choose from: it is typed, and a few are suggested. */
export function IdField(props: {
  name: string;
  label: string;
  suggestions: readonly string[];
  value: string | undefined;
}) {
  const list = `${props.name}-ids`;
  return (
    <label>
      {props.label}
      <input
        type="text"
        name={props.name}
        value={props.value ?? ''}
        list={list}
        autocomplete="off"
        autocapitalize="off"
        spellcheck={false}
      />
      <datalist id={list}>
        {props.suggestions.map((id) => (
          <option value={id}></option>
        ))}
      </datalist>
    </label>
  );
}

export function Choice(props: {
  name: string;
  label: string;
  all: string;
  values: readonly string[];
  chosen: string | undefined;
}) {
  return (
    <label>
      {props.label}
      <select name={props.name}>
        <option value="">{props.all}</option>
        {props.values.map((value) => (
          <option value={value} selected={value === props.chosen}>
            {value.replaceAll('_', ' ')}
          </option>
        ))}
      </select>
    </label>
  );
}
