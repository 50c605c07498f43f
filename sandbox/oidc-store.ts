/** The storage of a simulated OpenID provider. oidc-provider's own in-memory adapter forgets tokens beyond 1,000, which a busy test exceeds. */

import type { Adapter, AdapterPayload, ClientMetadata } from 'oidc-provider';

export interface OidcStore {
  adapter(model: string): Adapter;
  /** Forgets everything of these models; returns how many. */
  forget(...models: readonly string[]): number;
  /** Entries of a model. */
  size(model: string): number;
}

/** @param client the registration of a client application; undefined for an unknown one */
export function createOidcStore(client: (id: string) => ClientMetadata | undefined): OidcStore {
  const models = new Map<string, Map<string, AdapterPayload>>();
  const entries = (model: string): Map<string, AdapterPayload> => {
    const known = models.get(model) ?? new Map<string, AdapterPayload>();
    models.set(model, known);
    return known;
  };
  return {
    size: (model) => entries(model).size,
    forget(...names) {
      let count = 0;
      for (const name of names) {
        count += entries(name).size;
        entries(name).clear();
      }
      return count;
    },
    adapter(model) {
      const own = entries(model);
      return {
        async find(id) {
          return model === 'Client' ? client(id) : own.get(id);
        },
        async upsert(id, payload) {
          const now = Date.now() / 1000;
          // the oldest stand first: expired ones go as new ones come
          for (const [key, { exp }] of own) {
            if (exp === undefined || exp > now) break;
            own.delete(key);
          }
          own.set(id, payload);
        },
        async destroy(id) {
          own.delete(id);
        },
        async consume(id) {
          const payload = own.get(id);
          if (payload !== undefined) payload['consumed'] = Math.floor(Date.now() / 1000);
        },
        async findByUid(uid) {
          return Array.from(own.values()).find((payload) => payload.uid === uid);
        },
        findByUserCode: async () => undefined,
        async revokeByGrantId(grantId) {
          for (const [id, payload] of own) if (payload.grantId === grantId) own.delete(id);
        },
      };
    },
  };
}
