/** `/docs`: the description of `/v1` for people, made on the server from the document itself; nothing is loaded. */
import type { HtmlEscapedString } from 'hono/utils/html';
import { renderPage } from '../layout.tsx';

interface Schema {
  readonly type?: string | readonly string[];
  readonly $ref?: string;
  readonly description?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly default?: unknown;
}
interface Content {
  readonly content?: Readonly<Record<string, { readonly schema: Schema }>>;
}
interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly description?: string;
  readonly parameters: readonly {
    readonly name: string;
    readonly in: string;
    readonly required: boolean;
    readonly description?: string;
    readonly schema: Schema;
  }[];
  readonly requestBody?: Content;
  readonly responses: Readonly<Record<string, Content & { readonly description: string }>>;
}
interface Document {
  readonly info: { readonly version: string; readonly description: string };
  readonly servers: readonly { readonly url: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

export function docsPage(
  openapi: unknown,
  nonce: string | undefined,
): HtmlEscapedString | Promise<HtmlEscapedString> {
  const document = openapi as Document;
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  );
  const url = document.servers[0]?.url ?? '';
  return renderPage(
    { title: 'API', nonce },
    <main>
      <h1>API of Sluice {document.info.version}</h1>
      <p>{document.info.description}</p>
      <p>
        The same for programs: <a href="/openapi.json">openapi.json</a> (OpenAPI 3.1).
      </p>
      <pre>
        <code>{`curl -H "Authorization: Bearer $SLUICE_API_KEY" ${url}/v1/connections`}</code>
      </pre>
      <section class="panel">
        <h2>Routes</h2>
        <ul>
          {operations.map(({ path, method, operation }) => (
            <li>
              <a href={`#${operation.operationId}`}>
                <code>
                  {method} {path}
                </code>
              </a>{' '}
              {operation.summary}
            </li>
          ))}
        </ul>
      </section>
      {operations.map((one) => (
        <RouteSection {...one} />
      ))}
      <section>
        <h2>Objects</h2>
        {Object.entries(document.components.schemas).map(([name, schema]) => (
          <div class="panel" id={`schema-${name}`}>
            <h3>{name}</h3>
            <Fields schema={schema} />
          </div>
        ))}
      </section>
    </main>,
  );
}

function RouteSection({ path, method, operation }: { path: string; method: string; operation: Operation }) {
  const { parameters, requestBody, responses } = operation;
  return (
    <section class="panel" id={operation.operationId}>
      <h2>
        <code>
          {method} {path}
        </code>
      </h2>
      <p>{operation.summary}</p>
      {operation.description !== undefined && <p>{operation.description}</p>}
      {parameters.length > 0 && (
        <>
          <h3>Parameters</h3>
          <dl>
            {parameters.map((one) => (
              <>
                <dt>
                  <code>{one.name}</code> in {one.in}, <Type schema={one.schema} />
                  {one.required ? ', required' : ''}
                  {one.schema.default === undefined ? '' : `, default ${JSON.stringify(one.schema.default)}`}
                </dt>
                <dd>{one.description}</dd>
              </>
            ))}
          </dl>
        </>
      )}
      {requestBody !== undefined && (
        <>
          <h3>Body</h3>
          <Body content={requestBody} />
        </>
      )}
      <h3>Answers</h3>
      <dl>
        {Object.entries(responses).map(([status, answer]) => (
          <>
            <dt>
              <code>{status}</code>
            </dt>
            <dd>
              {answer.description.split('\n\n').map((line) => (
                <p>{line}</p>
              ))}
              {status.startsWith('2') && <Body content={answer} />}
            </dd>
          </>
        ))}
      </dl>
    </section>
  );
}

function Body({ content }: { content: Content }) {
  const schema = Object.values(content.content ?? {})[0]?.schema;
  return schema === undefined ? null : <Fields schema={schema} />;
}

function Fields({ schema }: { schema: Schema }) {
  const { properties, required = [] } = schema;
  if (properties === undefined) return <Type schema={schema} />;
  return (
    <ul>
      {Object.entries(properties).map(([name, field]) => (
        <li>
          <code>{name}</code>: <Type schema={field} />
          {required.includes(name) ? '' : ', optional'}
          {field.description === undefined ? '' : `: ${field.description}`}
        </li>
      ))}
    </ul>
  );
}

function Type({ schema }: { schema: Schema }) {
  const name = /\/([^/]+)$/.exec(schema.$ref ?? '')?.[1];
  if (name !== undefined) return <a href={`#schema-${name}`}>{name}</a>;
  if (schema.anyOf !== undefined) {
    return (
      <>
        {schema.anyOf.map((one, index) => (
          <>
            {index === 0 ? '' : ' or '}
            <Type schema={one} />
          </>
        ))}
      </>
    );
  }
  if (schema.enum !== undefined) return <>{schema.enum.map(String).join(', ')}</>;
  if (schema.items !== undefined) {
    return (
      <>
        list of <Type schema={schema.items} />
      </>
    );
  }
  if (schema.type === undefined)
    return <>{schema.const === undefined ? 'any value' : JSON.stringify(schema.const)}</>;
  return <>{typeof schema.type === 'string' ? schema.type : schema.type.join(' or ')}</>;
}
