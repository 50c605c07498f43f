/** Rules for single values of a connection's body that several of its parts share. */
import { z } from 'zod';
import { textRule } from './issues.ts';

/** A list without repetitions. */
export function listOf<T extends z.ZodType<string>>(item: T, description: string) {
  return z
    .array(item)
    .describe(description)
    .superRefine((items, context) => {
      items.forEach((value, index) => {
        if (items.indexOf(value) === index) return;
        const params = { fix: 'Remove one of them.' };
        context.addIssue({ code: 'custom', message: 'is in the list already', path: [index], params });
      });
    });
}

// RFC 6749, appendix A.4
export const scope = textRule((value) =>
  /^[\x21\x23-\x5B\x5D-\x7E]+$/.test(value)
    ? { value }
    : { message: 'is not one scope', fix: 'Write each scope as its own entry of the list.' },
);

/** Records a page: what no provider's limit exceeds. */
export const pageSize = z.number().int().min(1).max(10_000);

/** A URL as an endpoint may be; whether its host may be called is decided elsewhere. */
export function checkUrl(
  value: string,
): { readonly url: URL } | { readonly message: string; readonly fix: string } {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (
    url === undefined ||
    !/^https?:$/.test(url.protocol) ||
    !/^https?:\/\//i.test(value) ||
    /\s/.test(value)
  ) {
    return {
      message: 'is not an http or https URL',
      fix: 'Write the whole URL, such as https://example.com/token.',
    };
  }
  if (url.username !== '' || url.password !== '') {
    return { message: 'holds a user name or password', fix: 'Put secrets under `credentials`.' };
  }
  if (url.hash !== '') return { message: 'ends in a fragment', fix: 'Remove the part from # on.' };
  return { url };
}

/** For people to read: a fragment is welcome. */
export const httpLink = textRule((value) => {
  const checked = checkUrl(value.replace(/#.*$/s, ''));
  return 'url' in checked ? { value } : checked;
});
