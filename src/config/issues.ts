/** From what zod finds wrong to problems that a user can act on. Values are never repeated: they may be secrets. */
import { z } from 'zod';
import { problemAt, type Checked, type Path, type Problem } from './problem.ts';
import { didYouMean, suggest } from './suggest.ts';

/** A zod schema from a rule of ours. The rule sees any value but undefined. */
export function rule<T>(check: (value: unknown) => Checked<T>): z.ZodType<T> {
  return z.unknown().transform((value, context) => {
    if (value === undefined) {
      context.addIssue({ code: 'invalid_type', expected: 'string', input: undefined });
      return z.NEVER;
    }
    const checked = check(value);
    if ('value' in checked) return checked.value;
    context.addIssue({
      code: 'custom',
      message: checked.message,
      params: { fix: checked.fix },
      input: value,
    });
    return z.NEVER;
  });
}

/** A rule for text: anything else is answered as zod's own string does. */
export function textRule<T>(check: (text: string) => Checked<T>): z.ZodType<T, string> {
  return z
    .string()
    .min(1)
    .transform((text, context) => {
      const checked = check(text);
      if ('value' in checked) return checked.value;
      context.addIssue({
        code: 'custom',
        message: checked.message,
        params: { fix: checked.fix },
        input: text,
      });
      return z.NEVER;
    });
}

/** Parses, or says everything that is wrong, with paths below `base`. */
export function parseWith<T>(
  schema: z.ZodType<T>,
  value: unknown,
  base: Path,
): { readonly value: T } | { readonly problems: readonly Problem[] } {
  const result = schema.safeParse(value, { reportInput: true });
  if (result.success) return { value: result.data };
  return { problems: result.error.issues.flatMap((issue) => problemsOfIssue(issue, base, schema)) };
}

function problemsOfIssue(issue: z.core.$ZodIssue, base: Path, schema: z.ZodType): Problem[] {
  const inner = issue.path.filter((step) => typeof step !== 'symbol');
  const path = [...base, ...inner];
  const last = String(path.at(-1) ?? '');
  const description = descriptionAt(schema, inner);
  const write = description === undefined ? undefined : `Write ${description}.`;

  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(schema, inner);
    // Another form of a union may know a key that this one doesn't.
    return issue.keys.map((key) =>
      unknownKey(
        [...path, key],
        key,
        known.filter((name) => name !== key),
      ),
    );
  }
  if (issue.input === undefined && issue.code !== 'custom') {
    return [problemAt(path, 'is missing', write ?? `Add \`${last}\`.`)];
  }
  if (issue.input === null && issue.code !== 'custom') {
    return [problemAt(path, 'is empty', `Write a value after \`${last}:\`, or remove the key.`)];
  }
  switch (issue.code) {
    case 'invalid_type':
      return [wrongType(path, last, issue.expected, issue.input, write)];
    case 'invalid_union': {
      const { discriminator, options } = issue as { discriminator?: string; options?: readonly unknown[] };
      if (discriminator !== undefined && options !== undefined) {
        const given = (issue.input as Record<string, unknown> | undefined)?.[discriminator];
        return [
          given === undefined
            ? problemAt(path, 'is missing', oneOf(options))
            : notOneOf(path, given, options),
        ];
      }
      // Of several forms, the one that was meant shows by the kind of the value.
      const isMap = typeof issue.input === 'object';
      const unfit = isMap ? ['invalid_type', 'invalid_value'] : ['invalid_type'];
      const meant = issue.errors.filter(
        (errors) => !errors.some((error) => error.path.length === 0 && unfit.includes(error.code)),
      );
      if (meant.length === 1) {
        return (meant[0] ?? []).flatMap((error) =>
          problemsOfIssue({ ...error, path: [...issue.path, ...error.path] }, base, schema),
        );
      }
      if (typeof issue.input === 'number' || typeof issue.input === 'boolean') {
        return [wrongType(path, last, 'string', issue.input, write)];
      }
      return [problemAt(path, 'has the wrong form', write ?? 'Look it up in docs/configuration.md.')];
    }
    case 'invalid_value':
      return [notOneOf(path, issue.input, issue.values)];
    case 'too_small':
      if (issue.origin === 'string' || issue.origin === 'array') {
        return [problemAt(path, 'is empty', write ?? `Write a value for \`${last}\`, or remove the key.`)];
      }
      return [problemAt(path, `is less than ${issue.minimum}`, `Write ${issue.minimum} or more.`)];
    case 'too_big':
      return [problemAt(path, `is more than ${issue.maximum}`, `Write ${issue.maximum} or less.`)];
    case 'custom': {
      const fix: unknown = issue.params?.['fix'];
      return [
        problemAt(path, issue.message, typeof fix === 'string' ? fix : (write ?? 'Correct the value.')),
      ];
    }
    default:
      return [problemAt(path, issue.message, write ?? 'Correct the value.')];
  }
}

/** A key that nothing knows, with the one that was probably meant. */
export function unknownKey(path: Path, key: string, known: readonly string[]): Problem {
  const near = suggest(key, known);
  return problemAt(
    path,
    `is not a known key${didYouMean(key, known)}`,
    near === undefined ? `Remove it; known here: ${known.join(', ')}.` : `Write \`${near}\`, or remove it.`,
  );
}

const kinds: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map of keys',
  record: 'a map of keys',
};

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  return kinds[typeof value] ?? 'something else';
}

function wrongType(path: Path, last: string, expected: string, input: unknown, write?: string): Problem {
  if (expected === 'int' && typeof input === 'number') {
    return problemAt(path, 'is not a whole number', 'Write a number without a fraction.');
  }
  if (expected === 'string' && (typeof input === 'number' || typeof input === 'boolean')) {
    const key = typeof path.at(-1) === 'string' ? `${last}: "…"` : '"…"';
    return problemAt(path, `is ${kindOf(input)}, not text`, `Put it in quotes: \`${key}\`.`);
  }
  const wanted = kinds[expected] ?? expected;
  return problemAt(path, `is ${kindOf(input)}, not ${wanted}`, write ?? `Write ${wanted}.`);
}

function oneOf(options: readonly unknown[]): string {
  return options.length === 1
    ? `Write ${String(options[0])}.`
    : `Write one of: ${options.map(String).join(', ')}.`;
}

function notOneOf(path: Path, given: unknown, options: readonly unknown[]): Problem {
  const near = typeof given === 'string' ? didYouMean(given, options.map(String)) : '';
  return problemAt(path, `is not one of ${options.map(String).join(', ')}${near}`, oneOf(options));
}

/** The schema below optional, default and pipe. */
function unwrap(schema: unknown): unknown {
  let inner = schema;
  for (;;) {
    if (inner instanceof z.ZodOptional || inner instanceof z.ZodNullable || inner instanceof z.ZodDefault) {
      inner = inner.unwrap();
    } else if (inner instanceof z.ZodPipe) inner = inner.in;
    else return inner;
  }
}

/** The schemas that a value at this path may meet: several only under a union. */
function schemasAt(schema: unknown, path: Path): unknown[] {
  const [step, ...rest] = path;
  if (step === undefined) return [schema];
  const inner = unwrap(schema);
  if (inner instanceof z.ZodUnion) return inner.options.flatMap((option) => schemasAt(option, path));
  if (inner instanceof z.ZodArray) return schemasAt(inner.element, rest);
  if (inner instanceof z.ZodRecord) return schemasAt(inner.valueType, rest);
  const next = inner instanceof z.ZodObject ? shapeOf(inner)[String(step)] : undefined;
  return next === undefined ? [] : schemasAt(next, rest);
}

function shapeOf(schema: z.ZodObject): Record<string, unknown> {
  return schema.shape;
}

function keysAt(schema: unknown, path: Path): string[] {
  return [...new Set(schemasAt(schema, path).flatMap(keysOf))];
}

function keysOf(schema: unknown): string[] {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodUnion) return inner.options.flatMap(keysOf);
  return inner instanceof z.ZodObject ? Object.keys(shapeOf(inner)) : [];
}

function descriptionAt(schema: unknown, path: Path): string | undefined {
  for (const found of schemasAt(schema, path)) {
    const description = (found as z.ZodType).description ?? (unwrap(found) as z.ZodType).description;
    if (description !== undefined) return description;
  }
  return undefined;
}
