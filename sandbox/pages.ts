/** Faults that change a page of records: wrong, missing, doubled or misdirected content in a well-formed answer. */

import type { ActiveFault } from './faults.ts';
import type { Answer } from './http.ts';

/** Where a provider's page keeps what a fault can change. */
export interface PageShape {
  /** the array of records inside the decoded body; undefined when the body is no page */
  items(body: unknown): unknown[] | undefined;
  /** Points the next link somewhere else. */
  setNext(body: unknown, answer: Answer, href: string): void;
}

function parse(answer: Answer): unknown {
  try {
    return JSON.parse(answer.body.toString());
  } catch {
    return undefined;
  }
}

function setField(record: unknown, path: string, value: unknown): void {
  const names = path.split('.');
  const last = names.pop() as string;
  let target = record as Record<string, unknown>;
  for (const name of names) target = (target[name] ??= {}) as Record<string, unknown>;
  if (value === undefined) delete target[last];
  else target[last] = value;
}

/** The answer as a fault leaves it; faults of another sort, and answers that are no JSON, pass through unchanged. */
export function applyToAnswer(active: ActiveFault, answer: Answer, shape: PageShape): Answer {
  const { fault } = active;
  if (fault.kind === 'truncate') {
    const body = answer.body.toString();
    return { ...answer, body: body.slice(0, Math.floor(body.length / 2)) };
  }
  const body = parse(answer);
  if (typeof body !== 'object' || body === null) return answer;
  const changed: Answer = { ...answer, headers: { ...answer.headers } };
  const items = shape.items(body);
  switch (fault.kind) {
    case 'patch':
      Object.assign(body, fault.set);
      for (const name of fault.remove ?? []) delete (body as Record<string, unknown>)[name];
      break;
    case 'next-link':
      shape.setNext(body, changed, fault.href);
      break;
    case 'empty-page':
      items?.splice(0);
      break;
    case 'bad-record':
      if (items?.[fault.index ?? 0] !== undefined)
        setField(items[fault.index ?? 0], fault.field, fault.value);
      break;
    case 'nul':
      if (items?.[fault.index ?? 0] !== undefined) setField(items[fault.index ?? 0], fault.field, 'a\u0000b');
      break;
    case 'duplicate': {
      const last = items?.at(-1);
      if (active.lastRecord !== undefined) items?.unshift(active.lastRecord);
      active.lastRecord = last;
      break;
    }
    default:
      return answer;
  }
  return { ...changed, body: JSON.stringify(body) };
}
