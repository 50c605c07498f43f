/** The errors of the simulated LOKE: the four fields that the types of the provider's own sample add-on name. */

import { json } from '../http.ts';
import type { Answer } from '../http.ts';

export function problem(
  status: number,
  code: string,
  message: string,
  headers: Record<string, string> = {},
): Answer {
  return json(
    status,
    {
      message,
      type: `https://errors.loke.global/${code}`,
      instance: `${code}/${status}`,
      documentation: 'https://developers.loke.global/docs',
    },
    headers,
  );
}
