/**
 * LockitNetwork's records, as far as the stored part of "LockitNetwork API (1.0.1)" shows them. Only the id is required, every other
 * field may be absent or null, and unknown fields are kept.
 */
import { z } from 'zod';

const uuid = z.string().min(1);
const text = z.string().nullish();
const flag = z.boolean().nullish();
const number = z.number().nullish();

export const project = z.looseObject({
  uuid,
  name: text,
  isSeries: flag,
  isPremium: flag,
  productionCompany: text,
  // an epoch; whether of seconds or milliseconds is not stated
  created: number,
});

export const episode = z.looseObject({
  uuid,
  episodeNumber: number,
  episodeName: text,
  scheduledRunningTime: number,
  created: number,
});

export const scene = z.looseObject({
  uuid,
  episode: text,
  number: number,
  additional: text,
  content: text,
  comment: text,
  dayNight: text,
  inOut: text,
  // what stands in it isn't shown
  sets: z.array(z.unknown()).nullish(),
  motherScene: text,
});
