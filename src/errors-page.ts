/** The page `docs/errors.md`, made from the catalogue so that the two can't differ. */
import { catalogue, type ErrorKind } from './errors.ts';

const kinds: Record<ErrorKind, string> = {
  config: 'Settings, credentials or the command line: they must be corrected before it can work.',
  auth: 'The provider refuses: a person must correct credentials, permissions or consent there.',
  rate_limited: 'The provider asks to wait; Sluice does, without spending an attempt.',
  transient: 'Time mends it: Sluice tries again with growing pauses.',
  data: 'An answer, or what is stored, is not as it must be.',
};

export function errorsPage(): string {
  const sections = Object.entries(kinds).map(([kind, meaning]) => {
    const rows = Object.entries(catalogue)
      .filter(([, entry]) => entry.kind === kind)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([code, entry]) => `| \`${code}\` | ${entry.advice.replaceAll('|', '\\|')} |`);
    return `## ${kind}\n\n${meaning}\n\n| code | what to do |\n| --- | --- |\n${rows.join('\n')}\n`;
  });
  return `# Errors

Every failure has a stable code, a kind, and one sentence that names the fix. They appear the same everywhere: in
commands (\`error CODE: …\`, with \`--json\` as \`{ "error": { "code", "kind", "message", "advice" } }\`), in runs and
connections, in the console, in HTTP answers and in the log. Where a place of failure knows better advice than the
general one below, it gives that instead.

${sections.join('\n')}`;
}
