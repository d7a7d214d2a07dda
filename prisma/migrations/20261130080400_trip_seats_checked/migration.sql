-- Reads the offers without a lock that others would wait for.
ALTER TABLE "offers" VALIDATE CONSTRAINT "offer_trip_seat";
