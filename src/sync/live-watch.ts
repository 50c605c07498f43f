/**
 * Watching runs and the whole: all viewers of a process share one look at the database, once a second and only while
 * somebody watches. A viewer is told that something has changed, and fetches what it shows.
 */
import type { Db } from '../store/db.ts';

const EVERY_MS = 1_000;

/** A run by its id, or everything that the overview shows. */
export type LiveTopic = { readonly run: string } | 'overview';

export interface LiveWatch {
  /**
   * Calls `onChange` after its first look, since what the viewer shows may be older, and after each that found the topic
   * changed, until the function that it returns is called, or the watch is closed; then `onClose` is called once.
   */
  watch(topic: LiveTopic, onChange: () => void, onClose: () => void): () => void;
  /** how many watch now */
  watching(): number;
  /** Ends all watching; whoever comes later is ended at once. */
  close(): void;
}

interface Viewer {
  readonly topic: LiveTopic;
  readonly onChange: () => void;
  readonly onClose: () => void;
  looked: boolean;
}

export interface LiveWatchOptions {
  readonly onTrouble: (error: unknown) => void;
  /** milliseconds between two looks [1000] */
  readonly everyMs?: number;
}

export function createLiveWatch(db: Pick<Db, 'pool'>, options: LiveWatchOptions): LiveWatch {
  const viewers = new Set<Viewer>();
  /** what the last look saw, by topic */
  const seen = new Map<string, string | null>();
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  const look = async (): Promise<void> => {
    try {
      const looking = [...viewers];
      const marks = await marksOf(
        db,
        looking.map(({ topic }) => topic),
      );
      for (const viewer of looking) {
        const name = nameOf(viewer.topic);
        if (viewers.has(viewer) && (!viewer.looked || marks.get(name) !== seen.get(name))) viewer.onChange();
        viewer.looked = true;
      }
      seen.clear();
      for (const [name, mark] of marks) seen.set(name, mark);
    } catch (error) {
      options.onTrouble(error);
    }
    timer = undefined;
    schedule();
  };
  const schedule = (): void => {
    if (viewers.size === 0 || timer !== undefined || closed) return;
    timer = setTimeout(() => void look(), options.everyMs ?? EVERY_MS);
  };

  return {
    watch(topic, onChange, onClose) {
      if (closed) {
        onClose();
        return () => undefined;
      }
      const viewer: Viewer = { topic, onChange, onClose, looked: false };
      viewers.add(viewer);
      schedule();
      return () => void viewers.delete(viewer);
    },
    watching: () => viewers.size,
    close() {
      closed = true;
      clearTimeout(timer);
      for (const viewer of viewers) viewer.onClose();
      viewers.clear();
    },
  };
}

/** A text for each topic that is another one whenever it has changed. */
async function marksOf(
  db: Pick<Db, 'pool'>,
  topics: readonly LiveTopic[],
): Promise<Map<string, string | null>> {
  const runs = [...new Set(topics.flatMap((topic) => (topic === 'overview' ? [] : [topic.run])))];
  const marks = new Map<string, string | null>();
  if (runs.length > 0) {
    const found = await db.pool.query<{ id: string; mark: string }>(
      `select r.id, concat_ws('/', r.status, r.cancel_requested, sum(s.entries), sum(s.pages), sum(s.requests),
                              string_agg(s.status, ',' order by s.stream)) as mark
         from sluice.runs r left join sluice.run_streams s on s.run_id = r.id
        where r.id = any($1) group by r.id`,
      [runs],
    );
    for (const { id, mark } of found.rows) marks.set(nameOf({ run: id }), mark);
  }
  if (topics.includes('overview')) {
    const found = await db.pool.query<{ mark: string }>(
      `select concat_ws('/',
         (select md5(string_agg(concat_ws(' ', id, state, next_run_at), ',' order by id)) from sluice.connections),
         (select string_agg(concat_ws(' ', r.id, r.status, s.entries), ',' order by r.id)
            from sluice.runs r
            left join lateral (select sum(entries) as entries from sluice.run_streams where run_id = r.id) s on true
           where r.slot is not null),
         (select max(finished_at) from sluice.runs where finished_at is not null),
         (select md5(string_agg(concat_ws(' ', connection_id, place, state), ',' order by connection_id, place))
            from sluice.webhook_endpoints),
         (select max(id) from sluice.webhook_events where status = 'dead')) as mark`,
    );
    marks.set(nameOf('overview'), found.rows[0]?.mark ?? null);
  }
  return marks;
}

function nameOf(topic: LiveTopic): string {
  return topic === 'overview' ? topic : `run ${topic.run}`;
}
