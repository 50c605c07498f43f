CREATE TABLE "sluice"."webhook_removals" (
	"id" text PRIMARY KEY NOT NULL,
	"connection_id" text NOT NULL,
	"provider" text NOT NULL,
	"config" jsonb NOT NULL,
	"place" text NOT NULL,
	"reference" text,
	"url" text NOT NULL,
	"credentials" text NOT NULL,
	"secrets" text NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL,
	"next_attempt_at" timestamp with time zone DEFAULT now() NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
ALTER TABLE "sluice"."notifications" ADD COLUMN "merge_key" text;--> statement-breakpoint
CREATE INDEX "webhook_removals_due" ON "sluice"."webhook_removals" USING btree ("next_attempt_at");--> statement-breakpoint
CREATE UNIQUE INDEX "notifications_merge" ON "sluice"."notifications" USING btree ("merge_key") WHERE merge_key is not null;