-- How the rounds of a city ended, by minute. Kept for a week.
CREATE TABLE "matching_round_counts" (
    "city_id" TEXT NOT NULL,
    "minute" TIMESTAMPTZ(3) NOT NULL,
    "ended" INTEGER NOT NULL,
    "slow" INTEGER NOT NULL,
    "failed" INTEGER NOT NULL,

    CONSTRAINT "matching_round_counts_pkey" PRIMARY KEY ("city_id", "minute")
);
CREATE INDEX "matching_round_counts_minute_idx" ON "matching_round_counts" ("minute");
GRANT SELECT, INSERT, UPDATE, DELETE ON "matching_round_counts" TO "driver_service_app";
