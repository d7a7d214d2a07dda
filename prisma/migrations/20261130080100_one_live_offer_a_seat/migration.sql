-- A driver has one live offer, or those of one trip: one for each of its seats.
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS "one_live_offer_a_seat" ON "offers" ("driver_id", "trip_seat") WHERE "state" = 'LIVE';
