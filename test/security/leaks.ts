/** Looks for secrets in whatever form they may have got somewhere: raw, in base64, in a URL, as hexadecimal, in JSON. */

export interface Leak {
  readonly secret: string;
  readonly form: string;
  /** of the place that was searched */
  readonly where: string;
}

/** `secrets` and `places` by name. */
export function findLeaks(
  secrets: Readonly<Record<string, string>>,
  places: ReadonlyMap<string, string>,
): Leak[] {
  const leaks: Leak[] = [];
  for (const [secret, value] of Object.entries(secrets)) {
    if (value.length < 12) throw new Error(`${secret} is too short to be told from other text`);
    for (const [form, looks] of formsOf(value))
      for (const [where, text] of places) if (text.includes(looks)) leaks.push({ secret, form, where });
  }
  return leaks;
}

function formsOf(value: string): Map<string, string> {
  const forms = new Map([
    ['raw', value],
    ['as JSON', JSON.stringify(value).slice(1, -1)],
    ['in a URL', encodeURIComponent(value)],
    ['in a form', new URLSearchParams({ v: value }).toString().slice(2)],
    ['in HTML', value.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;')],
    ['hexadecimal', Buffer.from(value).toString('hex')],
  ]);
  // its place in what was encoded decides which of three looks it has; the edges belong to the neighbours too
  for (const offset of [0, 1, 2]) {
    const encoded = Buffer.from('\0'.repeat(offset) + value)
      .toString('base64')
      .replaceAll('=', '');
    const inner = encoded.slice(offset === 0 ? 0 : offset + 1, -2);
    forms.set(`base64 at ${offset}`, inner);
    forms.set(`base64url at ${offset}`, inner.replaceAll('+', '-').replaceAll('/', '_'));
  }
  return forms;
}
