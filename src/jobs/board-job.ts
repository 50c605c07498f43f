/**
 * A job as Bull Board may show it: ids, times, and errors from which credentials are taken out. Job data holds ids only;
 * this holds also where somebody else wrote into the queue, or a driver's error repeats what it was given.
 */
import type { Job } from 'bullmq';
import { scrub, withoutParameters } from '../telemetry/redact.ts';

/** Stands where something stood that is no id. */
const HIDDEN = '[hidden]';
/** What may stand under each name, as runs, events and streams are named: no key or token looks like that. */
const IDS: Readonly<Record<string, RegExp>> = {
  runId: /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
  eventId: /^e[0-9a-f]{28}$/,
  stream: /^[a-z0-9._-]{1,64}$/,
};
/** A token or a key has more of these in a row than any id of ours. */
const LONG_SECRET = /[A-Za-z0-9+/_=-]{41,}/g;
/** Of a stack trace: a path looks like a long secret, and no value stands there. */
const FRAME = /^\s*at /;

/** The ids of a job's data by their names, and nothing else. */
export function shownData(data: unknown): Record<string, string> {
  if (typeof data !== 'object' || data === null) return {};
  return Object.fromEntries(
    Object.entries(data).map(([name, value]) => {
      const form = Object.hasOwn(IDS, name) ? IDS[name] : undefined;
      if (form === undefined) return [HIDDEN, HIDDEN];
      return [name, typeof value === 'string' && form.test(value) ? value : HIDDEN];
    }),
  );
}

/** Of an error's message or stack trace: what helps, without what looks like a credential. */
export function shownError(text: string): string {
  return scrub(withoutParameters(text))
    .split('\n')
    .map((line) => (FRAME.test(line) ? line : line.replaceAll(LONG_SECRET, HIDDEN)))
    .join('\n');
}

/** The same job; what it says of itself has the errors of the pages. */
export function shownJob<J extends Job>(job: J): J {
  const toJSON = job.toJSON.bind(job);
  job.toJSON = () => {
    const said = toJSON();
    return {
      ...said,
      ...(said.failedReason === undefined ? {} : { failedReason: shownError(said.failedReason) }),
      ...(said.deferredFailure === undefined ? {} : { deferredFailure: shownError(said.deferredFailure) }),
      stacktrace: said.stacktrace?.map(shownError) ?? [],
    };
  };
  return job;
}
