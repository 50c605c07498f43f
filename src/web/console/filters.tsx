/** Fields above the lists of the reading pages. */

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
