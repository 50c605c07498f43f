ALTER TABLE "sluice"."streams" ADD COLUMN "forbidden_count" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "sluice"."streams" ADD COLUMN "forbidden_until" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "sluice"."streams" ADD COLUMN "forbidden_error" jsonb;