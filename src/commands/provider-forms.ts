/** What a form asks for, read off each provider's own declaration. */
import { z } from 'zod';
import type { ConnectionInput } from '../config/index.ts';
import type { ProviderDefinition } from '../providers/contract.ts';
import { providers } from '../providers/registry.ts';
import { credentialsSchema } from '../providers/resolve.ts';
import type { FormField, ProviderForm } from '../web/steering-contract.ts';

export function providerForms(known: readonly ProviderDefinition[] = providers): ProviderForm[] {
  return known.map((provider) => ({
    id: provider.id,
    title: provider.title,
    description: provider.description,
    docs: provider.docs,
    schedule: provider.suggestedSchedule,
    settings: fieldsOf(provider.settings),
    credentials: fieldsOf(provider.credentials),
    streams: streamsOf(provider),
  }));
}

/** The form of one that is stored: with the credentials and streams that only its own configuration asks for. */
export function formOf(provider: ProviderDefinition, stored: ConnectionInput): ProviderForm {
  const [form] = providerForms([provider]);
  if (form === undefined) throw new Error('each provider has a form');
  const custom = stored.customStreams.map(({ name }) => ({
    name,
    title: name,
    optional: false,
    custom: true,
  }));
  return {
    ...form,
    credentials: fieldsOf(credentialsSchema(stored, provider)),
    streams: [...form.streams, ...custom],
  };
}

function fieldsOf(schema: ProviderDefinition['settings']): FormField[] {
  return Object.entries(schema.shape).map(([name, field]) => {
    const inner = unwrapped(field);
    const absent = field.safeParse(undefined);
    return {
      name,
      required: !absent.success,
      description: (field as z.ZodType).description ?? inner.description ?? '',
      options: inner instanceof z.ZodEnum ? inner.options.map(String) : [],
      default: absent.success && typeof absent.data === 'string' ? absent.data : null,
      list: inner instanceof z.ZodUnion && inner.options.some((option) => option instanceof z.ZodArray),
    };
  });
}

/** What is optional or has a default says so around the type that is meant. */
function unwrapped(field: z.core.$ZodType): z.ZodType {
  if (field instanceof z.ZodOptional || field instanceof z.ZodDefault) return unwrapped(field.unwrap());
  return field as z.ZodType;
}

/** Two APIs of one provider may have a stream of the same name. */
function streamsOf({ streams }: ProviderDefinition): ProviderForm['streams'] {
  const byName = new Map(streams.map((stream) => [stream.name, stream]));
  return [...byName.values()].map(({ name, title, optional }) => ({
    name,
    title,
    optional: optional === true,
    custom: false,
  }));
}
