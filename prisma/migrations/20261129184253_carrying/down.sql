ALTER TABLE "assignments"
  DROP COLUMN "goods_claimed_at",
  DROP COLUMN "stage",
  DROP COLUMN "stage_since",
  DROP COLUMN "stage_due_at",
  DROP COLUMN "stage_reminded_at",
  DROP COLUMN "stage_told_at";
