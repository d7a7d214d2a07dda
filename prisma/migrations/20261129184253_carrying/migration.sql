-- What became of a carrier: goods in the hands of a driver who was relieved, and how long a stage may take.
-- Older workers leave these columns alone.
ALTER TABLE "assignments"
  ADD COLUMN "goods_claimed_at" TIMESTAMPTZ(3),
  ADD COLUMN "stage" TEXT,
  ADD COLUMN "stage_since" TIMESTAMPTZ(3),
  ADD COLUMN "stage_due_at" TIMESTAMPTZ(3),
  ADD COLUMN "stage_reminded_at" TIMESTAMPTZ(3),
  ADD COLUMN "stage_told_at" TIMESTAMPTZ(3);
