/** Every table of Sluice, for drizzle and for the migrations that are generated from here. */
export * from './namespace.ts';
export * from './connections.ts';
export * from './streams.ts';
export * from './runs.ts';
export * from './records.ts';
export * from './tokens.ts';
export * from './rate-limits.ts';
export * from './fleet.ts';
export * from './views.ts';
export * from './grants.ts';
export * from './mappings.ts';
export * from './idempotency.ts';
export * from './webhooks.ts';
export * from './audit.ts';
