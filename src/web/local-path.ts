/** Where a login may lead: to a path of this site and nowhere else. */

const ANYWHERE = 'http://local.invalid';

/**
 * The path and query of `next` if it is a path on this site, else `/`. Refuses what a browser would read as
 * another host (`//evil`, `/\evil`, a tab between slashes) and the login itself.
 */
export function localPath(next: string | undefined): string {
  // browsers drop tabs and line breaks from a URL, and take a backslash for a slash
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  if (next === undefined || !next.startsWith('/') || /[\u0000-\u001f\u007f\\]/.test(next)) return '/';
  if (next.startsWith('//') || !URL.canParse(next, ANYWHERE)) return '/';
  const url = new URL(next, ANYWHERE);
  const path = url.pathname + url.search;
  // `/.//evil` becomes `//evil` once the dot is resolved
  if (url.origin !== ANYWHERE || path.startsWith('//')) return '/';
  return /^\/log(?:in|out)$/.test(url.pathname) ? '/' : path;
}
