-- When the last round of the city's matching ended; null: none did.
ALTER TABLE "cities" ADD COLUMN "matched_at" TIMESTAMPTZ(3);
