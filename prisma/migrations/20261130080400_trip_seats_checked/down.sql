-- The way back.
ALTER TABLE "offers" DROP CONSTRAINT "offer_trip_seat";
ALTER TABLE "offers" ADD CONSTRAINT "offer_trip_seat"
  CHECK ("trip_seat" BETWEEN 0 AND 2 AND ("trip_id" IS NOT NULL OR "trip_seat" = 0)) NOT VALID;
