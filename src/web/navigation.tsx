/** The console's navigation: one link for each section, and the logout. */
import type { Session } from './session.ts';

/** The sections, in the order in which they stand. */
const SECTIONS = [
  ['/', 'Overview'],
  ['/connections', 'Connections'],
  ['/runs', 'Runs'],
  ['/events', 'Events'],
  ['/notifications', 'Notifications'],
  ['/providers', 'Providers'],
  ['/audit', 'Audit'],
  ['/queues', 'Queues'],
] as const;

export type Section = (typeof SECTIONS)[number][0];

/** `section` is the one that the page belongs to. */
export function Navigation(props: {
  session: Session;
  section: Section | undefined;
  /** whether `/queues` exists */
  queuesLink: boolean;
}) {
  return (
    <>
      <nav aria-label="Main">
        <ul>
          {SECTIONS.filter(([path]) => props.queuesLink || path !== '/queues').map(([path, name]) => (
            <li>
              <a href={path} aria-current={path === props.section ? 'true' : undefined}>
                {name}
              </a>
            </li>
          ))}
        </ul>
      </nav>
      <form method="post" action="/logout">
        <input type="hidden" name="csrf" value={props.session.csrf} />
        <button type="submit" class="quiet">
          Log out
        </button>
      </form>
    </>
  );
}
