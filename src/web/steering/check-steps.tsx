/** What a check of a connection found, step by step. */
import type { CheckReport } from '../api/contract.ts';

export function CheckSteps({ steps, error }: Pick<CheckReport, 'steps' | 'error'>) {
  return (
    <>
      <ul class="says">
        {steps.map((step) => (
          <li>
            <span class={`state ${step.ok ? 'ok' : 'bad'}`}>{step.ok ? 'ok' : 'failed'}</span> {step.name}
            {step.detail !== '' && <span class="muted"> {step.detail}</span>}
          </li>
        ))}
      </ul>
      {error !== null && (
        <p>
          {error.message} <strong>{error.advice}</strong> <code>{error.code}</code>
        </p>
      )}
    </>
  );
}
