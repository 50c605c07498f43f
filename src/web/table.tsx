/** Tables that become cards on a narrow screen. */
import type { Child } from 'hono/jsx';

/** On a narrow screen rows turn into cards, and browsers then forget that they were a table: hence the roles. */
export function Table(props: {
  caption: string;
  heads: readonly string[];
  numbers: readonly string[];
  children?: Child;
}) {
  return (
    <div class="table">
      <table role="table">
        <caption>{props.caption}</caption>
        <thead role="rowgroup">
          <tr role="row">
            {props.heads.map((head) => (
              <th role="columnheader" scope="col" class={props.numbers.includes(head) ? 'number' : undefined}>
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">{props.children}</tbody>
      </table>
    </div>
  );
}

interface CellProps {
  readonly label: string;
  readonly number?: boolean;
  /** takes a line of its own on a narrow screen */
  readonly roomy?: boolean;
  readonly children?: Child;
}

export function Cell({ label, number, roomy, children }: CellProps) {
  const classes = [number === true ? 'number' : '', roomy === true ? 'roomy' : ''].join(' ').trim();
  return (
    <td role="cell" data-label={label} class={classes === '' ? undefined : classes}>
      <div>{children}</div>
    </td>
  );
}
