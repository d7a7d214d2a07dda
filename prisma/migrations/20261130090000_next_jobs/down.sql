-- The way back. Fails while a driver has a next job: withdraw the offers, or wait until the job before is done.
ALTER TABLE "drivers" DROP CONSTRAINT "driver_holds_no_more_than_capacity";
ALTER TABLE "drivers" ADD CONSTRAINT "driver_holds_no_more_than_capacity" CHECK (
  "live_offers" >= 0 AND "active_assignments" >= 0 AND "live_offers" + "active_assignments" <= "capacity");
ALTER TABLE "drivers" DROP COLUMN "next_slots";
