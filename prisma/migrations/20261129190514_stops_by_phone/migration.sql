-- Whom a phone number is asked to be erased of.
CREATE INDEX CONCURRENTLY IF NOT EXISTS "stops_by_phone" ON "stops" ("contact_phone_e164")
  WHERE "contact_phone_e164" IS NOT NULL;
