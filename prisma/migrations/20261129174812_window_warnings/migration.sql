-- When ops and merchant were told that a delivery is not expected within its window; null: they were not.
ALTER TABLE "deliveries" ADD COLUMN "window_warned_at" TIMESTAMPTZ(3);
