-- Deliveries that are to be erased on request, open ones too.
CREATE INDEX CONCURRENTLY IF NOT EXISTS "deliveries_to_erase" ON "deliveries" ("erasure_id", "id")
  WHERE "erasure_id" IS NOT NULL AND "erased_at" IS NULL;
