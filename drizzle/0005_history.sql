CREATE TABLE "sluice"."run_timeline" (
	"run_id" text NOT NULL,
	"stream" text NOT NULL,
	"slot" integer NOT NULL,
	"number" integer NOT NULL,
	"at" timestamp with time zone NOT NULL,
	"entry" jsonb NOT NULL,
	CONSTRAINT "run_timeline_run_id_stream_slot_pk" PRIMARY KEY("run_id","stream","slot")
);
--> statement-breakpoint
ALTER TABLE "sluice"."streams" ADD COLUMN "first_seq" bigint DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE "sluice"."streams" ADD COLUMN "purged_seq" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "sluice"."run_streams" ADD COLUMN "entries" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "sluice"."run_timeline" ADD CONSTRAINT "run_timeline_run_id_runs_id_fk" FOREIGN KEY ("run_id") REFERENCES "sluice"."runs"("id") ON DELETE cascade ON UPDATE no action;