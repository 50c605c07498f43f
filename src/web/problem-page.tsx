/** A failed request as a small page. */
import type { HtmlEscapedString } from 'hono/utils/html';
import { renderPage } from './layout.tsx';
import type { Problem } from './problem.ts';
import type { Session } from './session.ts';

export function problemPage(
  problem: Problem,
  nonce: string | undefined,
  session?: Session,
): HtmlEscapedString | Promise<HtmlEscapedString> {
  return renderPage(
    { title: problem.title, nonce, session },
    <main class="narrow">
      <h1>
        {problem.status} {problem.title}
      </h1>
      <div class="panel">
        <p>{problem.detail}</p>
        <p>
          <strong>What to do:</strong> {problem.advice}
        </p>
        <p class="muted">
          Code <code>{problem.code}</code>
          {problem.id !== undefined && (
            <>
              , id <code>{problem.id}</code>
            </>
          )}
        </p>
      </div>
    </main>,
  );
}
