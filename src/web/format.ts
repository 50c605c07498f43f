/** Numbers and times as an operator reads them. */

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const numbers = new Intl.NumberFormat('en-GB');

export function count(value: number): string {
  return numbers.format(value);
}

/** `1 minute`, `14 minutes`, `3 hours`, `2 days`: one unit, rounded up. `ms` in milliseconds. */
export function spanWords(ms: number): string {
  const [unit, name] =
    ms > DAY
      ? [DAY, 'day']
      : ms > HOUR
        ? [HOUR, 'hour']
        : ms > MINUTE
          ? [MINUTE, 'minute']
          : [SECOND, 'second'];
  const amount = Math.max(1, Math.ceil(ms / Number(unit)));
  return `${amount} ${name}${amount === 1 ? '' : 's'}`;
}

/** `just now`, `4 min ago`, `in 2 h`, `in 3 days`. Both ISO 8601. */
export function age(at: string, now: string): string {
  const ms = Date.parse(now) - Date.parse(at);
  const distance = Math.abs(ms);
  if (Number.isNaN(ms)) return at;
  if (distance < 5 * SECOND) return ms < 0 ? 'now' : 'just now';
  const days = Math.round(distance / DAY);
  const text =
    distance < MINUTE
      ? `${Math.round(distance / SECOND)} s`
      : distance < 90 * MINUTE
        ? `${Math.round(distance / MINUTE)} min`
        : distance < 36 * HOUR
          ? `${Math.round(distance / HOUR)} h`
          : `${days} day${days === 1 ? '' : 's'}`;
  return ms < 0 ? `in ${text}` : `${text} ago`;
}

/** `0.4 s`, `12 s`, `3 min 20 s`, `1 h 5 min`. `ms` in milliseconds. */
export function duration(ms: number): string {
  if (ms < 10 * SECOND) return `${(Math.max(0, ms) / SECOND).toFixed(1)} s`;
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)} s`;
  const [whole, part, units] = ms < HOUR ? [MINUTE, SECOND, ['min', 's']] : [HOUR, MINUTE, ['h', 'min']];
  const rest = Math.floor((ms % Number(whole)) / Number(part));
  return `${Math.floor(ms / Number(whole))} ${units[0]}${rest === 0 ? '' : ` ${rest} ${units[1]}`}`;
}

/** `2026-11-21 08:02:48 UTC` of an ISO 8601 time. */
export function clock(at: string): string {
  const time = new Date(at);
  return Number.isNaN(time.getTime()) ? at : `${time.toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}
