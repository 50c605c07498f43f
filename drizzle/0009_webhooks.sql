CREATE TABLE "sluice"."notifications" (
	"id" text PRIMARY KEY NOT NULL,
	"type" text NOT NULL,
	"body" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"status" text DEFAULT 'pending' NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL,
	"next_attempt_at" timestamp with time zone,
	"last_status" integer,
	"error" jsonb,
	"sent_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "sluice"."webhook_endpoints" (
	"connection_id" text NOT NULL,
	"place" text DEFAULT '' NOT NULL,
	"reference" text,
	"url" text NOT NULL,
	"secrets" text NOT NULL,
	"state" text NOT NULL,
	"registered_at" timestamp with time zone DEFAULT now() NOT NULL,
	"checked_at" timestamp with time zone,
	"error" jsonb,
	CONSTRAINT "webhook_endpoints_connection_id_place_pk" PRIMARY KEY("connection_id","place")
);
--> statement-breakpoint
CREATE TABLE "sluice"."webhook_events" (
	"id" text PRIMARY KEY NOT NULL,
	"connection_id" text NOT NULL,
	"dedupe_key" text NOT NULL,
	"event_id" text,
	"type" text,
	"body" "bytea",
	"body_hash" "bytea" NOT NULL,
	"received_at" timestamp with time zone DEFAULT now() NOT NULL,
	"duplicates" integer DEFAULT 0 NOT NULL,
	"conflicts" integer DEFAULT 0 NOT NULL,
	"status" text DEFAULT 'received' NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL,
	"starts" integer DEFAULT 0 NOT NULL,
	"wait_until" timestamp with time zone,
	"waited" bigint DEFAULT 0 NOT NULL,
	"enqueues" integer DEFAULT 0 NOT NULL,
	"job_id" text,
	"enqueued_at" timestamp with time zone,
	"error" jsonb,
	"stream" text,
	"record_id" text,
	"effect" text,
	"occurred_at" text,
	"outcome" jsonb,
	"processed_at" timestamp with time zone,
	"replays" integer DEFAULT 0 NOT NULL,
	"replayed_at" timestamp with time zone,
	"replayed_by" text
);
--> statement-breakpoint
CREATE INDEX "notifications_due" ON "sluice"."notifications" USING btree ("next_attempt_at") WHERE status = 'pending';--> statement-breakpoint
CREATE INDEX "notifications_newest" ON "sluice"."notifications" USING btree ("created_at" DESC NULLS LAST);--> statement-breakpoint
CREATE UNIQUE INDEX "webhook_events_once" ON "sluice"."webhook_events" USING btree ("connection_id","dedupe_key");--> statement-breakpoint
CREATE INDEX "webhook_events_open" ON "sluice"."webhook_events" USING btree ("connection_id","status","id") WHERE status in ('received', 'queued', 'waiting');--> statement-breakpoint
CREATE INDEX "webhook_events_by_record" ON "sluice"."webhook_events" USING btree ("connection_id","stream","record_id") WHERE record_id is not null;--> statement-breakpoint
CREATE INDEX "webhook_events_by_status" ON "sluice"."webhook_events" USING btree ("status","id" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "webhook_events_by_connection" ON "sluice"."webhook_events" USING btree ("connection_id","id" DESC NULLS LAST);