-- Where a driver on the way to a pickup last came from, and when: progress is judged over a window of time.
-- Null: not known yet, and counted from progress_at.
ALTER TABLE "assignments" ADD COLUMN "progress_lat" DOUBLE PRECISION;
ALTER TABLE "assignments" ADD COLUMN "progress_lng" DOUBLE PRECISION;
ALTER TABLE "assignments" ADD COLUMN "moved_at" TIMESTAMPTZ(3);
