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

/** What was found wrong; each names its place. */
export interface Findings {
  /** in the source and not in the mirror, or with another body; a hole in the change feed */
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
  blows: Record<Blow, number>;
  /** token requests that kills and restarts explain at most */
  tokenAllowance: { lucca: number; floriday: number };
}
