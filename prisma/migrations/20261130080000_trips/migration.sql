-- Offers of one trip are made, answered and ended together; seat 0 is the lead, which the driver's app shows.
ALTER TABLE "offers" ADD COLUMN "trip_id" UUID, ADD COLUMN "trip_seat" SMALLINT NOT NULL DEFAULT 0;
ALTER TABLE "offers" ADD CONSTRAINT "offer_trip_seat"
  CHECK ("trip_seat" BETWEEN 0 AND 2 AND ("trip_id" IS NOT NULL OR "trip_seat" = 0)) NOT VALID;
