CREATE TABLE "sluice"."rate_limits" (
	"key" text PRIMARY KEY NOT NULL,
	"due" double precision NOT NULL
);
