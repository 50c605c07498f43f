/** Where the console's pages are. Ids go into paths encoded, whatever they hold. */

const part = encodeURIComponent;

/** What can be done with a connection, each on a page of its own that says what will happen. */
export type ConnectionAction =
  'sync' | 'full-sync' | 'pause' | 'resume' | 'reset' | 'allow-deletes' | 'check' | 'webhooks' | 'remove';

export const paths = {
  connection: (id: string) => `/connections/${part(id)}`,
  action: (id: string, action: ConnectionAction) => `/connections/${part(id)}/actions/${action}`,
  edit: (id: string) => `/connections/${part(id)}/edit`,
  connect: (id: string) => `/connect/${part(id)}`,
  mappings: (id: string) => `/connections/${part(id)}/mappings`,
  stream: (id: string, stream: string) => `/connections/${part(id)}/streams/${part(stream)}`,
  rejected: (id: string, stream: string) => `/connections/${part(id)}/streams/${part(stream)}/rejected`,
  /** a record's id may be anything, dots and slashes included: it goes into the query */
  record: (id: string, stream: string, record: string) =>
    `/connections/${part(id)}/streams/${part(stream)}/record?id=${part(record)}`,
  run: (id: string) => `/runs/${part(id)}`,
  cancel: (id: string) => `/runs/${part(id)}/cancel`,
  runsOf: (id: string) => `/runs?connection=${part(id)}`,
  eventsOf: (id: string, status?: string) => withQuery('/events', { connection: id, status }),
  provider: (name: string) => `/providers/${part(name)}`,
  /** those whose id or provider has this in it */
  connectionsLike: (search: string) => withQuery('/connections', { search }),
  newConnection: '/connections/new',
  /** those whose state needs a person */
  parked: '/connections?state=needs_person',
} as const;

/** The same page with other parameters; those that are empty are left out. */
export function withQuery(path: string, query: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(query).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== '',
  );
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given).toString()}`;
}
