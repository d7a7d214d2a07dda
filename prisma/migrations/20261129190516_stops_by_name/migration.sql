-- Whom a name is asked to be erased of.
CREATE INDEX CONCURRENTLY IF NOT EXISTS "stops_by_name" ON "stops" ((lower(btrim("contact_name"))))
  WHERE "contact_name" IS NOT NULL;
