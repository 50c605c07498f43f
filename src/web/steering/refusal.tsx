/** Why something can't be done, in the place of the button that would do it. */
import type { SluiceError } from '../../errors.ts';
import { statusOf } from '../problem.ts';

export function Refusal({
  error,
  back,
  word = 'Back',
}: {
  error: SluiceError;
  /** where the button leads */
  back: string;
  word?: string;
}) {
  return (
    <div class="panel">
      <p>
        <strong>{error.message}</strong>
      </p>
      <p>{error.advice}</p>
      <p class="muted">
        Code <code>{error.code}</code>, status {statusOf(error)}
      </p>
      <p class="buttons">
        <a class="button plain" href={back}>
          {word}
        </a>
      </p>
    </div>
  );
}
