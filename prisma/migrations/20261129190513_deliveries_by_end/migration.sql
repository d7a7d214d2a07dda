-- Deliveries by their end, until they are erased by their age.
CREATE INDEX CONCURRENTLY IF NOT EXISTS "deliveries_by_end" ON "deliveries" ("closed_at")
  WHERE "erased_at" IS NULL;
