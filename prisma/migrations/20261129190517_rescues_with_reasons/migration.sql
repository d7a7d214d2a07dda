-- Reasons of rescues, until they are erased by their age.
CREATE INDEX CONCURRENTLY IF NOT EXISTS "rescues_with_reasons" ON "rescues" ("created_at")
  WHERE "why" <> '';
