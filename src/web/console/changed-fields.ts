/** Which fields of a record an update touched. */

/** Names of the top-level fields that differ, in the order of their names; none where a body isn't known. */
export function changedFields(previous: unknown, result: unknown): string[] {
  if (!isObject(previous) || !isObject(result)) return [];
  return [...new Set([...Object.keys(previous), ...Object.keys(result)])]
    .filter((name) => JSON.stringify(previous[name]) !== JSON.stringify(result[name]))
    .sort();
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
