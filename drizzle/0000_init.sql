CREATE SCHEMA IF NOT EXISTS "sluice";
--> statement-breakpoint
CREATE TABLE "sluice"."connections" (
	"id" text PRIMARY KEY NOT NULL,
	"provider" text NOT NULL,
	"managed_by" text NOT NULL,
	"config" jsonb NOT NULL,
	"credentials" text NOT NULL,
	"state" text DEFAULT 'active' NOT NULL,
	"state_code" text,
	"state_reason" text,
	"state_advice" text,
	"state_since" timestamp with time zone DEFAULT now() NOT NULL,
	"failed_runs" integer DEFAULT 0 NOT NULL,
	"next_run_at" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	"revision" bigint DEFAULT 1 NOT NULL
);
--> statement-breakpoint
CREATE TABLE "sluice"."stream_leases" (
	"connection_id" text NOT NULL,
	"stream" text NOT NULL,
	"run_id" text,
	"owner" text,
	"fence" bigint DEFAULT 0 NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	CONSTRAINT "stream_leases_connection_id_stream_pk" PRIMARY KEY("connection_id","stream")
);
--> statement-breakpoint
CREATE TABLE "sluice"."streams" (
	"connection_id" text NOT NULL,
	"stream" text NOT NULL,
	"last_seq" bigint DEFAULT 0 NOT NULL,
	"cursor" jsonb,
	"last_success_at" timestamp with time zone,
	"last_full_at" timestamp with time zone,
	CONSTRAINT "streams_connection_id_stream_pk" PRIMARY KEY("connection_id","stream")
);
--> statement-breakpoint
CREATE TABLE "sluice"."run_streams" (
	"run_id" text NOT NULL,
	"stream" text NOT NULL,
	"wave" integer DEFAULT 0 NOT NULL,
	"status" text DEFAULT 'pending' NOT NULL,
	"mode" text DEFAULT 'full' NOT NULL,
	"added" integer DEFAULT 0 NOT NULL,
	"updated" integer DEFAULT 0 NOT NULL,
	"deleted" integer DEFAULT 0 NOT NULL,
	"unchanged" integer DEFAULT 0 NOT NULL,
	"rejected" integer DEFAULT 0 NOT NULL,
	"pages" integer DEFAULT 0 NOT NULL,
	"requests" integer DEFAULT 0 NOT NULL,
	"retries" integer DEFAULT 0 NOT NULL,
	"token_requests" integer DEFAULT 0 NOT NULL,
	"checkpoint" jsonb,
	"attempts" integer DEFAULT 0 NOT NULL,
	"starts" integer DEFAULT 0 NOT NULL,
	"wait_until" timestamp with time zone,
	"wait_reason" text,
	"waited" bigint DEFAULT 0 NOT NULL,
	"enqueues" integer DEFAULT 0 NOT NULL,
	"job_id" text,
	"enqueued_at" timestamp with time zone,
	"error" jsonb,
	"started_at" timestamp with time zone,
	"finished_at" timestamp with time zone,
	CONSTRAINT "run_streams_run_id_stream_pk" PRIMARY KEY("run_id","stream")
);
--> statement-breakpoint
CREATE TABLE "sluice"."runs" (
	"id" text PRIMARY KEY NOT NULL,
	"connection_id" text NOT NULL,
	"status" text DEFAULT 'queued' NOT NULL,
	"slot" text,
	"trigger" text NOT NULL,
	"streams" text[],
	"full" boolean DEFAULT false NOT NULL,
	"allow_deletes" boolean DEFAULT false NOT NULL,
	"priority" integer DEFAULT 10 NOT NULL,
	"enqueues" integer DEFAULT 0 NOT NULL,
	"job_id" text,
	"enqueued_at" timestamp with time zone,
	"cancel_requested" boolean DEFAULT false NOT NULL,
	"error" jsonb,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"started_at" timestamp with time zone,
	"finished_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "sluice"."seen_keys" (
	"run_id" text NOT NULL,
	"stream" text NOT NULL,
	"page" integer NOT NULL,
	"keys" text[] NOT NULL,
	CONSTRAINT "seen_keys_run_id_stream_page_pk" PRIMARY KEY("run_id","stream","page")
);
--> statement-breakpoint
CREATE TABLE "sluice"."changes" (
	"connection_id" text NOT NULL,
	"stream" text NOT NULL,
	"seq" bigint NOT NULL,
	"op" text NOT NULL,
	"record_id" text NOT NULL,
	"previous" jsonb,
	"changed_at" timestamp with time zone NOT NULL,
	CONSTRAINT "changes_connection_id_stream_seq_pk" PRIMARY KEY("connection_id","stream","seq")
);
--> statement-breakpoint
CREATE TABLE "sluice"."records" (
	"connection_id" text NOT NULL,
	"stream" text NOT NULL,
	"record_id" text NOT NULL,
	"partition" text DEFAULT '' NOT NULL,
	"data" jsonb NOT NULL,
	"hash" "bytea" NOT NULL,
	"version" text,
	"seq" bigint NOT NULL,
	"writer" text NOT NULL,
	"changed_at" timestamp with time zone NOT NULL,
	"deleted_at" timestamp with time zone,
	CONSTRAINT "records_connection_id_stream_record_id_pk" PRIMARY KEY("connection_id","stream","record_id")
);
--> statement-breakpoint
CREATE TABLE "sluice"."rejected_records" (
	"id" bigserial PRIMARY KEY NOT NULL,
	"connection_id" text NOT NULL,
	"stream" text NOT NULL,
	"run_id" text NOT NULL,
	"record_id" text,
	"partition" text DEFAULT '' NOT NULL,
	"raw" "bytea" NOT NULL,
	"reason" text NOT NULL,
	"rejected_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "sluice"."token_failures" (
	"subject" text PRIMARY KEY NOT NULL,
	"failures" integer DEFAULT 0 NOT NULL,
	"retry_at" timestamp with time zone,
	"cool_down_until" timestamp with time zone,
	"error" jsonb,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "sluice"."token_locks" (
	"key" text PRIMARY KEY NOT NULL,
	"owner" text,
	"fence" bigint NOT NULL,
	"expires_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "sluice"."tokens" (
	"key" text PRIMARY KEY NOT NULL,
	"subject" text NOT NULL,
	"flow" text,
	"ciphertext" text NOT NULL,
	"fingerprint" text NOT NULL,
	"scopes" text[] NOT NULL,
	"obtained_at" timestamp with time zone NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	"fence" bigint NOT NULL
);
--> statement-breakpoint
ALTER TABLE "sluice"."run_streams" ADD CONSTRAINT "run_streams_run_id_runs_id_fk" FOREIGN KEY ("run_id") REFERENCES "sluice"."runs"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "sluice"."seen_keys" ADD CONSTRAINT "seen_keys_run_id_runs_id_fk" FOREIGN KEY ("run_id") REFERENCES "sluice"."runs"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "connections_due" ON "sluice"."connections" USING btree ("next_run_at");--> statement-breakpoint
CREATE UNIQUE INDEX "runs_one_per_slot" ON "sluice"."runs" USING btree ("connection_id","slot") WHERE slot is not null;--> statement-breakpoint
CREATE INDEX "runs_by_connection" ON "sluice"."runs" USING btree ("connection_id","created_at" DESC NULLS LAST,"id" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "runs_by_time" ON "sluice"."runs" USING btree ("created_at" DESC NULLS LAST,"id" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "runs_open" ON "sluice"."runs" USING btree ("slot") WHERE slot is not null;--> statement-breakpoint
CREATE INDEX "records_live_by_partition" ON "sluice"."records" USING btree ("connection_id","stream","partition") WHERE deleted_at is null and partition <> '';--> statement-breakpoint
CREATE INDEX "rejected_by_stream" ON "sluice"."rejected_records" USING btree ("connection_id","stream","id" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "tokens_by_flow" ON "sluice"."tokens" USING btree ("flow");--> statement-breakpoint
CREATE INDEX "tokens_by_subject" ON "sluice"."tokens" USING btree ("subject");--> statement-breakpoint
CREATE INDEX "tokens_by_expiry" ON "sluice"."tokens" USING btree ("expires_at");