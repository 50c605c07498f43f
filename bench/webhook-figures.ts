/** The figures of `webhooks`, and how a person reads them. */
import { table } from './table.ts';
import type { LoadReport } from './webhook-load.ts';

export type Side = 'ours' | 'floor' | 'groupedFloor';
export const SIDES: readonly Side[] = ['ours', 'floor', 'groupedFloor'];

export interface ClosedFigures {
  readonly bytes: number;
  readonly processes: number;
  /** acknowledged a second: medians of the rounds */
  readonly perSecond: Readonly<Record<Side, number>>;
  /** medians of the rounds' own ratios */
  readonly toFloor: number;
  readonly toGroupedFloor: number;
}

export interface OpenFigures {
  readonly bytes: number;
  readonly processes: number;
  /** of the round with the median p99; milliseconds from the moment at which a message was due */
  readonly times: Readonly<Record<Side, Pick<LoadReport, 'p50' | 'p99' | 'slowest'>>>;
}

export interface FloodFigures {
  /** genuine ones, sent at a fixed rate: alone, and beside the flood */
  readonly alone: LoadReport;
  readonly beside: LoadReport;
  readonly refusedPerSecond: number;
  /** resident memory of the web process: before, in the flood's first half at most, in its second half at most */
  readonly mib: readonly [number, number, number];
}

export interface WebhookFigures {
  readonly closed: readonly ClosedFigures[];
  readonly open: readonly OpenFigures[];
  readonly flood: FloodFigures;
  /** answers other than 200 to genuine messages, by status */
  readonly otherAnswers: Readonly<Record<string, number>>;
  /** of the machine, before and after; what else it was doing counts */
  readonly load: readonly [number, number];
}

export const OPEN_RATE = 1_000;
export const CONNECTIONS = 64;
export const FLOOD_CONNECTIONS = 128;
export const FLOOD_RATE = 200;

export function printWebhooks({ closed, open, flood, otherAnswers, load }: WebhookFigures): string[] {
  const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;
  const others = Object.entries(otherAnswers).map(([status, times]) => `${times} x ${status}`);
  return [
    `closed loop, ${CONNECTIONS} connections; acknowledged a second, medians`,
    ...table([
      ['bytes', 'processes', 'ours', 'floor', 'grouped floor', 'ours to floor', 'ours to grouped floor'],
      ...closed.map(({ bytes, processes, perSecond, toFloor, toGroupedFloor }) => [
        String(bytes),
        String(processes),
        ...SIDES.map((side) => perSecond[side].toFixed(0)),
        percent(toFloor),
        percent(toGroupedFloor),
      ]),
    ]),
    '',
    `open loop, ${OPEN_RATE} a second; milliseconds since a message was due: median, 99 of 100, slowest`,
    ...table([
      ['bytes', 'processes', 'ours', 'floor', 'grouped floor'],
      ...open.map(({ bytes, processes, times }) => [
        String(bytes),
        String(processes),
        ...SIDES.map((side) => {
          const { p50, p99, slowest } = times[side];
          return [p50, p99, slowest].map((ms) => ms.toFixed(1)).join(' / ');
        }),
      ]),
    ]),
    '',
    `${FLOOD_RATE} genuine ones a second; median / 99 of 100, in milliseconds: alone ${flood.alone.p50.toFixed(1)} / ${flood.alone.p99.toFixed(1)},`,
    `beside ${FLOOD_CONNECTIONS} connections with wrong signatures (${flood.refusedPerSecond.toFixed(0)} refused a second) ${flood.beside.p50.toFixed(1)} / ${flood.beside.p99.toFixed(1)};`,
    `memory of the web process before it, in its first half, in its second half: ${flood.mib.map((mib) => mib.toFixed(0)).join(', ')} MiB`,
    `answers other than 200 to genuine ones: ${others.length === 0 ? 'none' : others.join(', ')}; load of the machine before and after: ${load.map((one) => one.toFixed(1)).join(', ')}`,
  ];
}
