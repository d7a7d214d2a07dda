-- The sweep of windows pages through open deliveries whose window ends soon and that nobody was told of.
CREATE INDEX CONCURRENTLY IF NOT EXISTS "deliveries_open_windows" ON "deliveries" ("window_to", "id") WHERE "closed_at" IS NULL AND "window_to" IS NOT NULL AND "window_warned_at" IS NULL;
