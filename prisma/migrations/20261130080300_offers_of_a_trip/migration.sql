-- The offers of a trip, each in a seat of its own.
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS "offers_of_a_trip" ON "offers" ("trip_id", "trip_seat") WHERE "trip_id" IS NOT NULL;
