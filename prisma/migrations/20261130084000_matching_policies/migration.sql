-- Named sets of weights of the matching. A row is a version; nothing changes it.
CREATE TABLE "matching_policies" (
    "id" BIGSERIAL NOT NULL,
    "name" TEXT NOT NULL,
    "version" INTEGER NOT NULL,
    -- What differs from the standard weights of the release.
    "weights" JSONB NOT NULL,
    "who" TEXT NOT NULL,
    "why" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT now(),

    CONSTRAINT "matching_policies_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "matching_policies_name_version_key" ON "matching_policies" ("name", "version");
INSERT INTO "matching_policies" ("id", "name", "version", "weights", "who", "why")
  VALUES (0, 'standard', 1, '{}', 'release', 'the weights of the release');
GRANT SELECT, INSERT ON "matching_policies" TO "driver_service_app";

-- What a city is matched by: the newest row of a city holds, the older ones are its history.
CREATE TABLE "city_matching" (
    "id" BIGSERIAL NOT NULL,
    "city_id" TEXT NOT NULL,
    "live_id" BIGINT NOT NULL,
    -- The share of its time in which the live policy decides; else the standard one does.
    "live_percent" INTEGER NOT NULL,
    -- Since when the live policy and its percent are what they are.
    "live_since" TIMESTAMPTZ(3) NOT NULL,
    -- The policy that decides beside it and does nothing; null: none.
    "shadow_id" BIGINT,
    "who" TEXT NOT NULL,
    "why" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT now(),

    CONSTRAINT "city_matching_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "city_matching_live_percent" CHECK ("live_percent" BETWEEN 0 AND 100),
    CONSTRAINT "city_matching_city_id_fkey" FOREIGN KEY ("city_id") REFERENCES "cities"("id")
      ON DELETE RESTRICT ON UPDATE CASCADE,
    CONSTRAINT "city_matching_live_id_fkey" FOREIGN KEY ("live_id") REFERENCES "matching_policies"("id")
      ON DELETE RESTRICT ON UPDATE CASCADE,
    CONSTRAINT "city_matching_shadow_id_fkey" FOREIGN KEY ("shadow_id") REFERENCES "matching_policies"("id")
      ON DELETE SET NULL ON UPDATE CASCADE
);
CREATE INDEX "city_matching_city_id_id_idx" ON "city_matching" ("city_id", "id" DESC);
GRANT SELECT, INSERT ON "city_matching" TO "driver_service_app";

-- What a policy in shadow would have done in a round, beside what was done. Kept for a week.
CREATE TABLE "shadow_rounds" (
    "id" BIGSERIAL NOT NULL,
    "city_id" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "live_id" BIGINT NOT NULL,
    "shadow_id" BIGINT NOT NULL,
    -- One element a delivery that either of the two offered.
    "compared" JSONB NOT NULL,

    CONSTRAINT "shadow_rounds_pkey" PRIMARY KEY ("id")
);
CREATE INDEX "shadow_rounds_city_id_at_idx" ON "shadow_rounds" ("city_id", "at");
CREATE INDEX "shadow_rounds_at_idx" ON "shadow_rounds" ("at");
GRANT SELECT, INSERT, DELETE ON "shadow_rounds" TO "driver_service_app";
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO "driver_service_app";
