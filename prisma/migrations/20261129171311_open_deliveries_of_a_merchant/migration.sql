-- The quota of open deliveries is counted for each order: by this index, among all that a merchant ever ordered.
CREATE INDEX CONCURRENTLY IF NOT EXISTS "deliveries_open_of_a_merchant" ON "deliveries" ("merchant_id") WHERE "closed_at" IS NULL;
