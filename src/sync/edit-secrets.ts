/** What becomes of stored credentials when somebody edits a connection without seeing them. */
import { problemAt, type Problem } from '../config/index.ts';

/** Of the credentials only this one may be shown: it names an application, and opens nothing. */
const NO_SECRET = 'clientId';

export function isSecret(credential: string): boolean {
  return credential !== NO_SECRET;
}

export type Secret = string | readonly string[];

/** What a form says of one secret. Texts that are empty were left empty. */
export interface SecretEdit {
  readonly first: string;
  /** a second one beside it, while it is rotated */
  readonly second: string;
  /** what is stored becomes the second one */
  readonly keep: boolean;
  /** the second one that is stored goes */
  readonly drop: boolean;
  /** all that is stored under this name goes */
  readonly forget: boolean;
}

export type EditedSecret =
  | {
      /** undefined: there is none */
      readonly value: Secret | undefined;
      /** something of it is what was stored before */
      readonly hasStored: boolean;
    }
  | { readonly problem: Problem };

/** The secret after the edit: what was left empty stays as it is stored. */
export function editedSecret(name: string, stored: Secret | undefined, edit: SecretEdit): EditedSecret {
  const { first, second, keep, drop, forget } = edit;
  const before = stored === undefined ? [] : typeof stored === 'string' ? [stored] : stored;
  const wrong = (message: string, fix: string): EditedSecret => ({
    problem: problemAt(['credentials', name], message, fix),
  });
  if (forget) {
    if (first !== '' || second !== '' || keep)
      return wrong('is to be removed, and a new one was given', 'Do one of the two.');
    return { value: undefined, hasStored: false };
  }
  if (second !== '' && (keep || drop))
    return wrong(
      keep ? 'has two second ones' : 'has a second one that is to be removed',
      'Enter a second one, or tick the box.',
    );
  if (keep && (first === '' || before.length === 0))
    return wrong('has no new one', 'Enter the new one, or leave the box unticked.');
  if (first === '' && second === '' && !drop) return { value: stored, hasStored: before.length > 0 };
  if (first === '' && before.length === 0)
    return wrong('has a second one and no first', 'Enter the first one too.');

  const kept = keep ? before.slice(0, 1) : drop ? [] : second === '' ? before.slice(1) : before.slice(2);
  const entered = [...(first === '' ? before.slice(0, 1) : [first]), ...(second === '' ? [] : [second])];
  const [only, ...more] = [...entered, ...kept];
  return {
    value: more.length === 0 ? only : [...entered, ...kept],
    hasStored: kept.length > 0 || first === '',
  };
}

/** How many there are under one name. */
export function secretCount(secret: Secret | undefined): number {
  if (secret === undefined) return 0;
  return typeof secret === 'string' ? 1 : secret.length;
}
