CREATE TABLE "sluice"."connect_flows" (
	"state" text PRIMARY KEY NOT NULL,
	"connection_id" text NOT NULL,
	"browser" text NOT NULL,
	"sealed" text NOT NULL,
	"redirect_uri" text NOT NULL,
	"return_url" text,
	"other_account" boolean DEFAULT false NOT NULL,
	"ticket" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	"used_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "sluice"."connect_tickets" (
	"hash" text PRIMARY KEY NOT NULL,
	"connection_id" text NOT NULL,
	"return_url" text,
	"other_account" boolean DEFAULT false NOT NULL,
	"browser" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	"finished_at" timestamp with time zone,
	"outcome" jsonb
);
--> statement-breakpoint
CREATE TABLE "sluice"."grant_refreshes" (
	"connection_id" text PRIMARY KEY NOT NULL,
	"epoch" text NOT NULL,
	"version" bigint NOT NULL,
	"id" text NOT NULL,
	"attempts" integer DEFAULT 1 NOT NULL,
	"started_at" timestamp with time zone DEFAULT now() NOT NULL,
	"ended_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "sluice"."grant_revocations" (
	"id" text PRIMARY KEY NOT NULL,
	"connection_id" text NOT NULL,
	"provider" text NOT NULL,
	"config" jsonb NOT NULL,
	"credentials" text NOT NULL,
	"refresh_token" text NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL,
	"next_attempt_at" timestamp with time zone DEFAULT now() NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "sluice"."grants" (
	"connection_id" text PRIMARY KEY NOT NULL,
	"epoch" text NOT NULL,
	"version" bigint DEFAULT 1 NOT NULL,
	"refresh_token" text,
	"client_id" text NOT NULL,
	"scopes" text[] NOT NULL,
	"account_id" text,
	"account_label" text,
	"obtained_at" timestamp with time zone DEFAULT now() NOT NULL,
	"last_used_at" timestamp with time zone,
	"last_refreshed_at" timestamp with time zone,
	"expires_at" timestamp with time zone,
	"refused_at" timestamp with time zone,
	"refused_code" text,
	"refused_reason" text
);
--> statement-breakpoint
CREATE TABLE "sluice"."mappings" (
	"connection_id" text NOT NULL,
	"external" text NOT NULL,
	"own" text NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "mappings_connection_id_external_pk" PRIMARY KEY("connection_id","external")
);
--> statement-breakpoint
ALTER TABLE "sluice"."fleet" ADD COLUMN "url" text;--> statement-breakpoint
CREATE INDEX "connect_flows_by_expiry" ON "sluice"."connect_flows" USING btree ("expires_at");--> statement-breakpoint
CREATE INDEX "connect_tickets_by_expiry" ON "sluice"."connect_tickets" USING btree ("expires_at");--> statement-breakpoint
CREATE INDEX "grant_revocations_due" ON "sluice"."grant_revocations" USING btree ("next_attempt_at");