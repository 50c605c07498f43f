CREATE TABLE "sluice"."fleet" (
	"id" text PRIMARY KEY NOT NULL,
	"role" text NOT NULL,
	"backend" text NOT NULL,
	"started_at" timestamp with time zone DEFAULT now() NOT NULL,
	"seen_at" timestamp with time zone DEFAULT now() NOT NULL
);
