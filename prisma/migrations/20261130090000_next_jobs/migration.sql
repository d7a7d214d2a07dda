-- A driver who is about to finish may have one job more than their capacity: the next one. Each row kept the stricter
-- rule before, so NOT VALID leaves none out. Older workers leave the column alone.
ALTER TABLE "drivers" ADD COLUMN "next_slots" SMALLINT NOT NULL DEFAULT 0;
ALTER TABLE "drivers" ADD CONSTRAINT "driver_next_slots" CHECK ("next_slots" IN (0, 1)) NOT VALID;
ALTER TABLE "drivers" DROP CONSTRAINT "driver_holds_no_more_than_capacity";
ALTER TABLE "drivers" ADD CONSTRAINT "driver_holds_no_more_than_capacity" CHECK (
  "live_offers" >= 0 AND "active_assignments" >= 0
  AND "live_offers" + "active_assignments" <= "capacity" + "next_slots") NOT VALID;
