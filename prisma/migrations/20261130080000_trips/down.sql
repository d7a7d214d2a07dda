-- The way back.
ALTER TABLE "offers" DROP CONSTRAINT "offer_trip_seat";
ALTER TABLE "offers" DROP COLUMN "trip_id", DROP COLUMN "trip_seat";
