CREATE TABLE "sluice"."views" (
	"name" text PRIMARY KEY NOT NULL,
	"source" text NOT NULL,
	"columns" jsonb NOT NULL,
	"definition" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "sluice"."idempotency_keys" (
	"connection_id" text NOT NULL,
	"key" text NOT NULL,
	"request" text NOT NULL,
	"run_id" text,
	"claimed_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "idempotency_keys_connection_id_key_pk" PRIMARY KEY("connection_id","key")
);
--> statement-breakpoint
CREATE INDEX "idempotency_keys_by_age" ON "sluice"."idempotency_keys" USING btree ("claimed_at");