-- The same, where no callable number was found in what was given.
CREATE INDEX CONCURRENTLY IF NOT EXISTS "stops_by_digits" ON "stops"
  ((ltrim(regexp_replace(regexp_replace(lower("contact_phone"), '(x|ext).*$', ''), '\D', '', 'g'), '0')))
  WHERE "contact_phone" IS NOT NULL AND "contact_phone_e164" IS NULL;
