/** What the parts of the chaos run share. */
import type { Random } from './random.ts';
import type { ChaosFleet } from './fleet.ts';

export type Backend = 'postgres' | 'redis';

/** Something that makes work for the fleet while it is being hurt: edits at the sources, requests for runs, visitors. */
export interface Load {
  readonly name: string;
  /** Goes on until the signal is aborted; an error that the havoc explains is swallowed by the load itself. */
  run(fleet: ChaosFleet, random: Random, signal: AbortSignal): Promise<void>;
  /** figures for the report */
  counts(): Readonly<Record<string, number>>;
}

/** What the senders of webhooks know; everything in it is a promise that has to hold at the end. */
export interface Deliveries {
  /** connection of each message that was answered with 200, by the message's id */
  readonly acknowledged: Map<string, string>;
  /** requests that are on their way now */
  underWay: number;
  /** answers that no sender may get: anything but 200 and 503 */
  readonly wrongAnswers: string[];
}

/** What was found wrong; each names its place. */
export interface Findings {
  /** in the source and not in the mirror, or with another body; a hole in the change feed; a webhook that was acknowledged */
  readonly lost: string[];
  /** in the mirror and not in the source; a change told twice */
  readonly doubled: string[];
  /** a run or a lease that nobody ends */
  readonly stuck: string[];
  /** anything else that may not be: too many tokens, secrets in logs, processes that ended by themselves */
  readonly other: string[];
}

export type Blow =
  'postgres' | 'redis-restart' | 'redis-flush' | 'freeze' | 'provider-errors' | 'provider-cuts';

export interface HavocCounts {
  kills: number;
  killsWithWork: number;
  /** streams that were being worked on by the victims at the moment of their kill */
  streamsHit: number;
  webKills: number;
  /** webhooks that a web process had been sent and hadn't answered when it was killed */
  webhooksHit: number;
  blows: Record<Blow, number>;
  /** token requests that kills and restarts explain at most */
  tokenAllowance: { lucca: number; floriday: number };
}
