/** Bytes of somebody else's as text that can't do anything to whoever looks at it. The page escapes it besides. */

/** Bytes that are shown; the rest is counted. */
const SHOWN_BYTES = 64 * 1024;
/** The same where they are no text: two digits a byte. */
const SHOWN_HEX_BYTES = 4 * 1024;

export interface ShownPayload {
  readonly form: 'text' | 'hex';
  readonly text: string;
  readonly bytes: number;
  /** bytes that aren't shown */
  readonly left: number;
}

export function showPayload(body: Buffer): ShownPayload {
  const text = utf8(body);
  if (text === undefined) {
    const shown = body.subarray(0, SHOWN_HEX_BYTES);
    const lines = shown.toString('hex').match(/.{1,64}/g) ?? [];
    return {
      form: 'hex',
      text: lines.map((line) => line.match(/../g)?.join(' ') ?? '').join('\n'),
      bytes: body.length,
      left: body.length - shown.length,
    };
  }
  const shown = cut(body);
  return {
    form: 'text',
    text: visible(shown.toString('utf8')),
    bytes: body.length,
    left: body.length - shown.length,
  };
}

function utf8(body: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    return undefined;
  }
}

/** Not in the middle of a character. */
function cut(body: Buffer): Buffer {
  let end = Math.min(body.length, SHOWN_BYTES);
  while (end < body.length && ((body[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return body.subarray(0, end);
}

/**
 * Controls, and what turns the direction of writing around (Unicode TR 36, section 2.5), as `\u{…}`: they would let a
 * payload look like another one.
 */
function visible(text: string): string {
  return text.replaceAll(
    // eslint-disable-next-line no-control-regex -- control characters are what is looked for
    /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g,
    (character) => `\\u{${character.charCodeAt(0).toString(16)}}`,
  );
}
