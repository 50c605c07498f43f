/** Holds a connection against its provider: settings, credentials, streams, scopes, token policy. */
import {
  configError,
  didYouMean,
  hasErrors,
  parseConfigFile,
  parseConnection,
  parseWith,
  problemAt,
  readConfigFile,
  suggest,
  type ConfigFile,
  type ConnectionInput,
  type DescribedStream,
  type ParseConnectionOptions,
  type ParsedConnection,
  type ParseFileOptions,
  type Path,
  type Problem,
} from '../config/index.ts';
import type { ProviderDefinition } from './contract.ts';
import { chosenStreams, credentialsSchema, grantOf, offeredStreams, scopesFor } from './resolve.ts';

/**
 * What is wrong with a well-formed connection, with paths below `connections.<id>` or `base`. `described` are its
 * custom streams as far as they could be read, where not all of them could.
 */
export function validateConnection(
  input: ConnectionInput,
  provider: ProviderDefinition | undefined,
  known: readonly string[],
  base: Path = ['connections', input.id],
  described: readonly DescribedStream[] = input.customStreams,
): Problem[] {
  if (provider === undefined) {
    const near = suggest(input.provider, known);
    const message = `"${input.provider}" is not a provider${didYouMean(input.provider, known)}`;
    const fix =
      near === undefined
        ? `Write one of: ${known.join(', ')}.`
        : `Write ${near}, or one of: ${known.join(', ')}.`;
    return [problemAt([...base, 'provider'], message, fix)];
  }
  return [
    ...problemsOf(provider.settings.strict(), input.settings, [...base, 'settings']),
    ...problemsOf(credentialsSchema(input, provider), input.credentials, [...base, 'credentials']),
    ...choiceProblems(input, provider, base, described),
    ...describedProblems(input, provider, base, described),
    ...scopeProblems(input, provider, base),
    ...policyProblems(input, provider, base),
    ...pkceProblems(input, provider, base),
  ];
}

function problemsOf(schema: ProviderDefinition['settings'], value: unknown, base: Path): readonly Problem[] {
  const parsed = parseWith<unknown>(schema, value, base);
  return 'problems' in parsed ? parsed.problems : [];
}

function streamNames(
  input: ConnectionInput,
  provider: ProviderDefinition,
  described: readonly DescribedStream[],
): { readonly shipped: readonly string[]; readonly all: readonly string[] } {
  const shipped = offeredStreams(provider, input.settings).map((stream) => stream.name);
  return {
    shipped,
    all: [...shipped, ...described.flatMap(({ name }) => (name === undefined ? [] : [name]))],
  };
}

function unknownStream(
  path: Path,
  name: string,
  provider: ProviderDefinition,
  names: readonly string[],
): Problem {
  const message = `"${name}" is not a stream of ${provider.title}${didYouMean(name, names)}`;
  return problemAt(path, message, `Write one of: ${names.join(', ')}; or describe it under customStreams.`);
}

/** The names under `streams`. */
function choiceProblems(
  input: ConnectionInput,
  provider: ProviderDefinition,
  base: Path,
  described: readonly DescribedStream[],
): Problem[] {
  const { streams } = input;
  if (streams === undefined) return [];
  const { all } = streamNames(input, provider, described);
  const problems = streams.flatMap((name, index) =>
    all.includes(name) ? [] : [unknownStream([...base, 'streams', index], name, provider, all)],
  );
  if (!described.some(({ name }) => name !== undefined && streams.includes(name))) return problems;
  // those that others need come along
  const chosen = new Set(streams);
  for (const name of chosen) {
    const parent = described.find((stream) => stream.name === name)?.parent;
    if (parent !== undefined) chosen.add(parent);
  }
  described.forEach(({ name }, index) => {
    if (name === undefined || chosen.has(name)) return;
    const message = 'is not mirrored, since `streams` names other custom streams';
    const fix = `Add ${name} to \`streams\`, or remove it here.`;
    problems.push(problemAt([...base, 'customStreams', index, 'name'], message, fix, 'warning'));
  });
  return problems;
}

/** The names that custom streams have and use. */
function describedProblems(
  input: ConnectionInput,
  provider: ProviderDefinition,
  base: Path,
  described: readonly DescribedStream[],
): Problem[] {
  const { shipped, all } = streamNames(input, provider, described);
  const needs = new Map(described.map((stream) => [stream.name, [stream.parent, stream.restartsWith]]));
  return described.flatMap((stream, index) => {
    const at: Path = [...base, 'customStreams', index];
    const problems: Problem[] = [];
    if (stream.name !== undefined && shipped.includes(stream.name)) {
      const message = `"${stream.name}" is a stream that ${provider.title} has already`;
      problems.push(problemAt([...at, 'name'], message, `Give it another name, such as my-${stream.name}.`));
    }
    for (const key of ['parent', 'restartsWith'] as const) {
      const other = stream[key];
      if (other === undefined) continue;
      if (!all.includes(other)) problems.push(unknownStream([...at, key], other, provider, all));
      else if (stream.name !== undefined && leadsTo(stream.name, other, needs)) {
        const fix =
          key === 'parent'
            ? 'Name a stream that needs no parent of yours.'
            : 'Name a stream that does not wait for this one.';
        problems.push(problemAt([...at, key], 'leads back to this very stream', fix));
      }
    }
    return problems;
  });
}

/** Whether `wanted` is reached from `from`, by parents and by streams that make others start again. */
function leadsTo(
  wanted: string,
  from: string,
  needs: ReadonlyMap<string | undefined, readonly (string | undefined)[]>,
): boolean {
  const reached = new Set([from]);
  for (const name of reached) {
    for (const next of needs.get(name) ?? []) if (next !== undefined) reached.add(next);
  }
  return reached.has(wanted);
}

/** A warning: the user may know that the application has a wider scope under another name. */
function scopeProblems(input: ConnectionInput, provider: ProviderDefinition, base: Path): Problem[] {
  const { scopes } = input;
  if (scopes === undefined) return [];
  const missing = scopesFor(provider, chosenStreams(input, provider)).filter(
    (scope) => !scopes.includes(scope),
  );
  if (missing.length === 0) return [];
  const message = `lacks ${missing.join(', ')}, which the chosen streams need`;
  const fix = `Add ${missing.join(', ')}, remove the key to ask for what is needed, or choose fewer streams.`;
  return [problemAt([...base, 'scopes'], message, fix, 'warning')];
}

function policyProblems(input: ConnectionInput, provider: ProviderDefinition, base: Path): Problem[] {
  const policy = input.tokenPolicy ?? provider.tokenPolicy;
  if (policy !== 'per-flow' || grantOf(provider, input) !== 'user') return [];
  const message = `per-flow is not possible with ${provider.title}: its tokens come from a person's consent, not for each flow`;
  return [problemAt([...base, 'tokenPolicy'], message, 'Write reuse, or remove the key.')];
}

function pkceProblems(input: ConnectionInput, provider: ProviderDefinition, base: Path): Problem[] {
  if (input.oauth.pkce !== false || provider.authorization?.pkce !== 'required') return [];
  const message = `can't be off: ${provider.title} asks for PKCE`;
  return [problemAt([...base, 'oauth', 'pkce'], message, 'Remove the key.')];
}

export interface ValidateOptions extends ParseFileOptions {
  readonly providers: readonly ProviderDefinition[];
}

/**
 * Everything that is wrong with a file, sorted by line. `connections` is empty as long as one problem is an error:
 * a file is applied as a whole or not at all.
 */
export function validateConfigFile(text: string, options: ValidateOptions): ConfigFile {
  const file = parseConfigFile(text, options, (parsed, base) =>
    providerProblems(parsed, options.providers, base),
  );
  return hasErrors(file.problems) ? { ...file, connections: [] } : file;
}

/**
 * Reads a file and validates it.
 *
 * @throws SluiceError `config_invalid` with every problem; warnings alone are returned
 */
export async function loadConfigFile(options: ValidateOptions): Promise<ConfigFile> {
  const file = validateConfigFile(await readConfigFile(options.path), options);
  if (hasErrors(file.problems)) throw configError(file.problems, options.path);
  return file;
}

/** One connection by itself, as it comes by HTTP: paths count from the body. `${NAME}` is text like any other. */
export function validateConnectionBody(
  id: string,
  body: unknown,
  options: { readonly providers: readonly ProviderDefinition[] } & Pick<
    ParseConnectionOptions,
    'checkEndpoint'
  >,
): { readonly connection?: ConnectionInput; readonly problems: readonly Problem[] } {
  const base: Path = [];
  const parsed = parseConnection(id, body, { ...options, base });
  const problems = [...parsed.problems, ...providerProblems(parsed, options.providers, base)];
  if (parsed.connection === undefined || hasErrors(problems)) return { problems };
  return { connection: parsed.connection, problems };
}

/** Of a connection with problems, what is left is checked all the same. */
function providerProblems(
  parsed: ParsedConnection,
  providers: readonly ProviderDefinition[],
  base: Path,
): readonly Problem[] {
  const input = parsed.connection ?? parsed.draft?.connection;
  if (input === undefined) return [];
  const gone = parsed.draft?.without ?? [];
  const provider = providers.find((candidate) => candidate.id === input.provider);
  const known = providers.map((candidate) => candidate.id);
  return validateConnection(input, provider, known, base, parsed.described).filter((problem) => {
    const key = String(problem.path?.[base.length]);
    // Custom streams are checked as they were written, so that what is said of them is true.
    return key === 'customStreams' || !gone.includes(key);
  });
}
