/**
 * Which hosts are Lucca accounts. The host is the user's input and receives the token, so it is matched against
 * the patterns of Lucca's "Environments" page instead of being trusted.
 */

const label = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';

const patterns: readonly RegExp[] = [
  // production, test and demo: https://{account}.{ilucca|ilucca-test|ilucca-demo}.{net|ch}
  new RegExp(`^${label}\\.ilucca(?:-test|-demo)?\\.(?:net|ch)$`),
  // sandboxes: https://{account}-{sandboxName}.sandbox.{eu1|eu2|ch1}.luccasoftware.com
  new RegExp(`^${label}\\.sandbox\\.(?:eu1|eu2|ch1)\\.luccasoftware\\.com$`),
];

export const hostHelp =
  'the host of your Lucca account alone, such as acme.ilucca.net, acme.ilucca-test.net, acme.ilucca.ch or acme-mysandbox.sandbox.eu1.luccasoftware.com';

/** True for the host name of a Lucca account, in lower case, without scheme, port or path. */
export function isLuccaHost(host: string): boolean {
  return patterns.some((pattern) => pattern.test(host));
}
