/** `sluice providers [NAME]`: what each provider offers, as its definition says. */
import type { Paging, ProviderDefinition } from '../providers/contract.ts';
import type { WebhookDefinition } from '../providers/webhook-contract.ts';
import { findProvider, providers } from '../providers/registry.ts';
import { help, type AddCommand } from './cli-types.ts';
import { exitCodes } from './exit.ts';
import { bold, dim, say, sayJson, table } from './io.ts';
import { notFound } from './session.ts';

export const addProviders: AddCommand = (program, { action }) => {
  program
    .command('providers')
    .argument('[name]', 'one provider in detail')
    .description('what each provider offers: grants, token policy, streams, paging, webhooks, limits')
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      help(['sluice providers', 'sluice providers NAME --json'], ['done', 'usage', 'notFound']),
    )
    .action(
      action(async ([name], options) => {
        if (name === undefined) {
          const data = providers.map(describeProvider);
          if (options.json === true) sayJson({ data });
          else printAll();
          return exitCodes.done;
        }
        const provider = findProvider(name);
        if (provider === undefined) {
          throw notFound(
            'provider',
            name,
            providers.map(({ id }) => id),
            'sluice providers',
          );
        }
        if (options.json === true) sayJson({ provider: describeProvider(provider) });
        else printOne(provider);
        return exitCodes.done;
      }),
    );
};

export function describeProvider(provider: ProviderDefinition): Record<string, unknown> {
  return {
    id: provider.id,
    title: provider.title,
    description: provider.description,
    docs: provider.docs,
    grants: provider.grants,
    tokenPolicy: provider.tokenPolicy,
    clientAuth: provider.clientAuth,
    schedule: provider.suggestedSchedule,
    settings: fields(provider.settings),
    credentials: fields(provider.credentials),
    limits: provider.limits.map(({ requests, perSeconds, keyedBy, evidence }) => ({
      requests,
      perSeconds,
      keyedBy,
      evidence,
    })),
    webhooks: provider.webhooks === undefined ? null : describeWebhooks(provider.webhooks),
    streams: provider.streams.map((stream) => ({
      name: stream.name,
      title: stream.title,
      path: stream.path,
      parent: stream.parent ?? null,
      scopes: stream.scopes,
      paging: stream.paging,
      changes: stream.changes,
      evidence: stream.evidence,
      docs: stream.docs ?? null,
    })),
  };
}

function describeWebhooks({ docs, evidence, events, apply, signature, registration }: WebhookDefinition) {
  return {
    docs,
    evidence,
    events,
    apply,
    signature: signature.scheme,
    registration: registration !== undefined,
  };
}

export function fields(
  schema: ProviderDefinition['settings'],
): { name: string; required: boolean; description: string }[] {
  return Object.entries(schema.shape).map(([name, field]) => ({
    name,
    required: !field.safeParse(undefined).success,
    description: (field as { description?: string }).description ?? '',
  }));
}

function printAll(): void {
  say(
    table(
      ['PROVIDER', 'GRANTS', 'TOKENS', 'STREAMS', 'LIMIT', 'WHAT IT IS'],
      providers.map((provider) => [
        provider.id,
        provider.grants.join(', '),
        provider.tokenPolicy,
        provider.streams.length,
        provider.limits.map((limit) => `${limit.requests} in ${limit.perSeconds} s`).join('; ') ||
          'none documented',
        provider.description,
      ]),
    ),
  );
  say();
  say(dim('One in detail: sluice providers NAME'));
}

function printOne(provider: ProviderDefinition): void {
  say(`${bold(provider.title)}: ${provider.description}`);
  say(dim(provider.docs));
  say();
  say(`grants        ${provider.grants.join(', ')}`);
  say(`token policy  ${provider.tokenPolicy}`);
  say(`schedule      ${provider.suggestedSchedule} (suggested)`);
  for (const limit of provider.limits)
    say(
      `limit         ${limit.requests} requests in ${limit.perSeconds} s, by ${limit.keyedBy} (${limit.evidence})`,
    );
  const { webhooks } = provider;
  say(
    `webhooks      ${webhooks === undefined ? 'none documented' : `${webhooks.events} (${webhooks.evidence}); sluice webhooks register`}`,
  );
  for (const [title, schema] of [
    ['settings', provider.settings],
    ['credentials', provider.credentials],
  ] as const) {
    say();
    say(bold(title));
    for (const field of fields(schema))
      say(`  ${field.name}${field.required ? '' : ' (optional)'}: ${field.description}`);
  }
  say();
  say(
    table(
      ['STREAM', 'PATH', 'PAGING', 'CHANGES', 'SCOPES', 'EVIDENCE'],
      provider.streams.map((stream) => [
        stream.name,
        stream.path,
        pagingWords(stream.paging),
        stream.changes.detect,
        stream.scopes.join(' '),
        stream.evidence,
      ]),
    ),
  );
}

export function pagingWords(paging: Paging): string {
  return 'pageSize' in paging && paging.pageSize !== undefined
    ? `${paging.style}, ${paging.pageSize} a page`
    : paging.style;
}
