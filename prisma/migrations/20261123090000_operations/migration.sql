-- Operations: escalation and its queue, reassignment and rescue, features at run time, audit checks, health of zones, fairness.
-- Everything is an addition: what was written before goes on to mean what it meant.

-- Minutes of unassigned time until levels 1, 2 and 3 in this city; empty: the settings hold.
ALTER TABLE "cities" ADD COLUMN "escalation_minutes" INTEGER[] NOT NULL DEFAULT '{}',
  ADD CONSTRAINT "city_escalation_minutes_rise" CHECK (cardinality("escalation_minutes") = 0 OR (cardinality("escalation_minutes") = 3
    AND "escalation_minutes"[1] >= 1 AND "escalation_minutes"[1] < "escalation_minutes"[2] AND "escalation_minutes"[2] < "escalation_minutes"[3]));

ALTER TABLE "deliveries"
  ADD COLUMN "escalated_at" TIMESTAMPTZ(3),
  ADD COLUMN "escalated_after_ms" BIGINT,
  ADD COLUMN "broadcast_since" TIMESTAMPTZ(3),
  ADD COLUMN "held_reason" TEXT,
  ADD COLUMN "lost_at" TIMESTAMPTZ(3),
  ADD COLUMN "losses" INTEGER NOT NULL DEFAULT 0,
  ADD COLUMN "delayed_since" TIMESTAMPTZ(3),
  -- That only a search is held is no constraint: workers of the release before do not know the column, and must be able to move what is held.
  ADD CONSTRAINT "delivery_losses" CHECK ("losses" >= 0);

ALTER TABLE "assignments"
  ADD COLUMN "meeting_lat" DOUBLE PRECISION,
  ADD COLUMN "meeting_lng" DOUBLE PRECISION,
  ADD COLUMN "meeting_address" TEXT,
  ADD COLUMN "nearest_meters" INTEGER,
  ADD COLUMN "progress_at" TIMESTAMPTZ(3),
  ADD CONSTRAINT "assignment_meeting_place" CHECK ("meeting_lat" BETWEEN -90 AND 90 AND "meeting_lng" BETWEEN -180 AND 180),
  DROP CONSTRAINT "assignment_state",
  ADD CONSTRAINT "assignment_state" CHECK ("state" IN ('ACTIVE','COMPLETED','LOST','CANCELLED','FAILED','HANDED_OVER'));

-- Offers that reached the driver's app and lapsed, one after another, since the driver last answered one.
ALTER TABLE "drivers" ADD COLUMN "lapses_in_row" INTEGER NOT NULL DEFAULT 0,
  ADD CONSTRAINT "driver_lapses" CHECK ("lapses_in_row" >= 0);

-- A case of the support queue; level 0: not for the time it took.
ALTER TABLE "escalations"
  ADD COLUMN "zone_id" TEXT,
  ADD COLUMN "driver_id" UUID,
  ADD COLUMN "rose_at" TIMESTAMPTZ(3),
  ADD COLUMN "resolution" TEXT,
  ADD COLUMN "note" TEXT;
CREATE UNIQUE INDEX "one_open_escalation_a_delivery" ON "escalations" ("delivery_id") WHERE "state" <> 'RESOLVED';
CREATE INDEX "escalations_city_id_id_idx" ON "escalations" ("city_id", "id" DESC);
CREATE INDEX "escalations_state_id_idx" ON "escalations" ("state", "id" DESC);

-- Percent by date, so that a rollout that does not progress can be seen.
ALTER TABLE "feature_settings" ADD COLUMN "plan" JSONB;

CREATE TABLE "push_subscriptions" (
    "id" UUID NOT NULL,
    "driver_id" UUID NOT NULL,
    "endpoint" TEXT NOT NULL,
    "p256dh" TEXT NOT NULL,
    "auth" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "push_subscriptions_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "push_subscriptions_endpoint_key" ON "push_subscriptions" ("endpoint");
CREATE INDEX "push_subscriptions_driver_id_idx" ON "push_subscriptions" ("driver_id");
ALTER TABLE "push_subscriptions" ADD CONSTRAINT "push_subscriptions_driver_id_fkey" FOREIGN KEY ("driver_id") REFERENCES "drivers"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- One action of ops that frees every job of a driver; its jobs are kept, so that a repeat answers for the same ones.
CREATE TABLE "rescues" (
    "id" UUID NOT NULL,
    "driver_id" UUID NOT NULL,
    "key" TEXT NOT NULL,
    "by_id" TEXT NOT NULL,
    "why" TEXT NOT NULL,
    "jobs" JSONB NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "rescues_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "rescues_driver_id_key_key" ON "rescues" ("driver_id", "key");
ALTER TABLE "rescues" ADD CONSTRAINT "rescues_driver_id_fkey" FOREIGN KEY ("driver_id") REFERENCES "drivers"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- What each computing of a zone's health came to; a city without zones has rows of no zone.
CREATE TABLE "zone_health" (
    "id" BIGSERIAL NOT NULL,
    "city_id" TEXT NOT NULL,
    "zone_id" TEXT,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "state" TEXT NOT NULL,
    "reasons" TEXT[] NOT NULL,
    "figures" JSONB NOT NULL,

    CONSTRAINT "zone_health_pkey" PRIMARY KEY ("id")
);
ALTER TABLE "zone_health" ADD CONSTRAINT "zone_health_state" CHECK ("state" IN ('OK','STRAINED','CRITICAL'));
CREATE INDEX "zone_health_city_id_at_idx" ON "zone_health" ("city_id", "at" DESC);
CREATE INDEX "zone_health_at_idx" ON "zone_health" ("at");

-- What each verification of the audit's chains came to.
CREATE TABLE "audit_checks" (
    "id" BIGSERIAL NOT NULL,
    "started_at" TIMESTAMPTZ(3) NOT NULL,
    "finished_at" TIMESTAMPTZ(3),
    "checked_to" TIMESTAMPTZ(3) NOT NULL,
    "chains" INTEGER NOT NULL DEFAULT 0,
    "entries" BIGINT NOT NULL DEFAULT 0,
    "problems" JSONB NOT NULL DEFAULT '[]',

    CONSTRAINT "audit_checks_pkey" PRIMARY KEY ("id")
);
CREATE INDEX "audit_checks_started_at_idx" ON "audit_checks" ("started_at" DESC);
CREATE INDEX "audit_entries_city_id_at_idx" ON "audit_entries" ("city_id", "at");
CREATE INDEX "audit_entries_chain_at_idx" ON "audit_entries" ("chain", "at");

GRANT SELECT, INSERT, UPDATE, DELETE ON "push_subscriptions", "rescues", "zone_health", "audit_checks" TO "driver_service_app";
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO "driver_service_app";
