/** Fields above the lists of the reading pages, and what stands there when they were filled in wrongly. */

/** A list that was to be narrowed to a value that doesn't exist; `asked` undefined: it wasn't. */
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
