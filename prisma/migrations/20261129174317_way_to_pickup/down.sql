-- The way back: progress is measured against the smallest distance so far.
ALTER TABLE "assignments" DROP COLUMN "moved_at";
ALTER TABLE "assignments" DROP COLUMN "progress_lng";
ALTER TABLE "assignments" DROP COLUMN "progress_lat";
