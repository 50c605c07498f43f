/** Generated leaves and leave-requests: a request belongs to one leave, and their states and employees agree. */

import { createDraw, mix } from '../random.ts';
import { day, ref, reference, spread, stamps, unspread } from './world.ts';
import type { World } from './world.ts';

/** The leave accounts that leaves refer to; `leave-account` is no resource of its own here. */
export const LEAVE_ACCOUNTS = [
  { id: '1', name: 'Congés payés', unit: 'workingDays' },
  { id: '2', name: 'RTT', unit: 'workingDays' },
  { id: '3', name: 'Arrêt maladie', unit: 'calendarDays' },
  { id: '4', name: 'Congé sans solde', unit: 'workingDays' },
] as const;

type RequestStatus = 'pending' | 'approved' | 'rejected';

const holderOf = (world: World, leave: number): number =>
  mix(world.seed, 21, leave) % Math.max(1, world.counts.employees);

function requestStatus(world: World, request: number): RequestStatus {
  const roll = mix(world.seed, 22, request) % 10;
  return roll < 2 ? 'pending' : roll < 9 ? 'approved' : 'rejected';
}

const LEAVE_STATUS = { pending: 'tentative', approved: 'confirmed', rejected: 'cancelled' } as const;
const duration = (value: number) => ({ value, iso: `P${value}D`, unit: 'days' });

/** The reference's example of a leave carries an offset in its times, unlike the other resources. */
const withOffset = (utc: string): string =>
  `${new Date(Date.parse(utc) + 7_200_000).toISOString().slice(0, -1)}+02:00`;

export function makeLeave(world: World, index: number): Record<string, unknown> {
  const draw = createDraw(world.seed, 8, index);
  const start = 4400 + draw.int(700);
  const isHalf = draw.chance(0.15);
  const length = isHalf ? 1 : 1 + draw.int(10);
  const account = draw.pick(LEAVE_ACCOUNTS);
  const range = isHalf ? 'secondHalfDay' : 'allDay';
  const days = Array.from({ length }, (_, offset) => ({
    date: day(start + offset),
    range,
    duration: duration(isHalf ? 0.5 : 1),
  }));
  const { leaves, 'leave-requests': requests } = world.counts;
  const request = unspread(index, requests, leaves);
  const decision = { href: `${world.base}/leave-requests-decisions` };
  const isPending = request !== undefined && requestStatus(world, request) === 'pending';
  const { createdAt, lastUpdatedAt } = stamps(world, 8, index);
  return {
    startsOn: day(start),
    startPosition: isHalf ? 'secondHalfDay' : 'firstHalfDay',
    endsOn: day(start + length - 1),
    endPosition: 'secondHalfDay',
    employee: ref(world, 'employees', holderOf(world, index)),
    leaveAccount: reference(world, 'leave-account', 'leave-accounts', account.id),
    days,
    totalDuration: duration(isHalf ? 0.5 : length),
    status: request === undefined ? 'confirmed' : LEAVE_STATUS[requestStatus(world, request)],
    details:
      account.id === '3'
        ? {
            nature: 'frenchOrdinarySickness',
            lastWorkedOn: day(start - 1),
            extendsSickLeave: null,
            partTimeReturn: null,
            paidDaysCount: length,
            unpaidDaysCount: 0,
            compensationRate: 0.9,
            hasSubrogation: false,
            subrogationStartsOn: null,
            subrogationEndsOn: null,
            isLongTermCondition: false,
          }
        : null,
    createdAt: withOffset(createdAt),
    lastUpdatedAt: withOffset(lastUpdatedAt),
    links: {
      leaveRequest:
        request === undefined
          ? null
          : { href: `${world.base}/leave-requests/${world.idAt('leave-requests', request)}` },
      approve: isPending ? decision : null,
      deny: isPending ? decision : null,
    },
  };
}

export function makeLeaveRequest(world: World, index: number): Record<string, unknown> {
  const { leaves, 'leave-requests': requests } = world.counts;
  const leave = spread(Math.min(index, requests - 1), requests, leaves);
  const status = requestStatus(world, index);
  const decision = status === 'pending' ? { href: `${world.base}/leave-request-decisions` } : null;
  const target = ref(world, 'leaves', leave);
  return {
    status,
    employee: ref(world, 'employees', holderOf(world, leave)),
    leaves: target === null ? [] : [target],
    expectedApprover: ref(
      world,
      'employees',
      mix(world.seed, 23, index) % Math.max(1, world.counts.employees),
    ),
    ...stamps(world, 9, index),
    links: { approve: decision, deny: decision },
  };
}
