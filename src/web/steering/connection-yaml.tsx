/** A connection as it would stand in sluice.yaml. */
import type { Child } from 'hono/jsx';

export function Yaml({ text, title, children }: { text: string; title?: string; children?: Child }) {
  return (
    <section aria-labelledby="yaml">
      <h2 id="yaml">{title ?? 'The same in sluice.yaml'}</h2>
      {children}
      <p class="muted">
        The names in <code>{'${…}'}</code> are variables of the environment: secrets stay out of the file.
      </p>
      <pre tabindex={0} role="region" aria-label="The connection in sluice.yaml">
        <code>{text}</code>
      </pre>
    </section>
  );
}
