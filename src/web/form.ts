/** A form that was sent: its text fields, and the proof that it came from a page of this session. */
import type { Context } from 'hono';
import { SluiceError } from '../errors.ts';
import type { WebEnv } from './contract.ts';
import { secretsEqual } from './secret-compare.ts';
import type { Session } from './session.ts';

export interface SentForm {
  /** the field's text; undefined where it isn't there, or there several times */
  readonly one: (name: string) => string | undefined;
  /** its texts, in the order of the page */
  readonly all: (name: string) => readonly string[];
}

/** @throws SluiceError `request_invalid` */
export async function readForm(c: Context<WebEnv>): Promise<SentForm> {
  const body = await c.req.parseBody({ all: true }).catch((cause: unknown) => {
    throw new SluiceError('request_invalid', "The form's data can't be read.", { cause });
  });
  const all = (name: string): string[] =>
    [Object.hasOwn(body, name) ? body[name] : []].flat().filter((value) => typeof value === 'string');
  return {
    all,
    one(name) {
      const [value, ...more] = all(name);
      return more.length === 0 ? value : undefined;
    },
  };
}

/** @throws SluiceError `cross_site_request` */
export function requireFormToken(session: Session, sent: string | undefined): void {
  if (sent === undefined || !secretsEqual(sent, session.csrf)) {
    throw new SluiceError('cross_site_request', 'This form does not belong to your session.');
  }
}
