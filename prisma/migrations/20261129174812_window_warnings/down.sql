-- The way back. A window at risk is told of once more by the next version.
ALTER TABLE "deliveries" DROP COLUMN "window_warned_at";
