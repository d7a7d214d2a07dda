-- What a client sent under an idempotency key, as hashes: the same key with another body is refused.
CREATE TABLE "request_fingerprints" (
    "key_hash" BYTEA NOT NULL,
    "fingerprint" BYTEA NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "request_fingerprints_pkey" PRIMARY KEY ("key_hash")
);
-- They are forgotten by age.
CREATE INDEX "request_fingerprints_created_at_idx" ON "request_fingerprints" ("created_at");
GRANT SELECT, INSERT, UPDATE ("fingerprint"), DELETE ON "request_fingerprints" TO "driver_service_app";
