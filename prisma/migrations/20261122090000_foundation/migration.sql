-- Tables as prisma/schema.prisma says them; then what Prisma cannot say: invariants, partitions, the role of the service.

-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "public";

-- CreateTable
CREATE TABLE "cities" (
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "timezone" TEXT NOT NULL,
    "currency" TEXT NOT NULL,
    "center_lat" DOUBLE PRECISION NOT NULL,
    "center_lng" DOUBLE PRECISION NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "cities_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "zones" (
    "id" TEXT NOT NULL,
    "city_id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "polygon" JSONB NOT NULL,
    "priority" INTEGER NOT NULL DEFAULT 0,
    "offer_ttl_seconds" INTEGER,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "zones_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "merchants" (
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "merchants_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "vehicles" (
    "id" UUID NOT NULL,
    "driver_id" UUID NOT NULL,
    "kind" TEXT NOT NULL,
    "plate" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "retired_at" TIMESTAMPTZ(3),

    CONSTRAINT "vehicles_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "drivers" (
    "id" UUID NOT NULL,
    "city_id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "phone" TEXT,
    "vehicle_kind" TEXT NOT NULL,
    "offer_version" INTEGER,
    "capacity" INTEGER NOT NULL DEFAULT 1,
    "live_offers" INTEGER NOT NULL DEFAULT 0,
    "active_assignments" INTEGER NOT NULL DEFAULT 0,
    "availability" TEXT NOT NULL DEFAULT 'OFFLINE',
    "availability_until" TIMESTAMPTZ(3),
    "availability_reason" TEXT,
    "availability_version" BIGINT NOT NULL DEFAULT 0,
    "pending" JSONB,
    "shift_ends_at" TIMESTAMPTZ(3),
    "idle_since" TIMESTAMPTZ(3),
    "earned_today_cents" INTEGER NOT NULL DEFAULT 0,
    "earned_on" DATE,
    "last_lat" DOUBLE PRECISION,
    "last_lng" DOUBLE PRECISION,
    "last_fix_at" TIMESTAMPTZ(3),
    "audit_hash" BYTEA,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "drivers_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "deliveries" (
    "id" UUID NOT NULL,
    "merchant_id" TEXT NOT NULL,
    "seller_order_id" TEXT NOT NULL,
    "request_hash" TEXT NOT NULL,
    "city_id" TEXT NOT NULL,
    "zone_id" TEXT,
    "status" TEXT NOT NULL DEFAULT 'PENDING',
    "status_changed_at" TIMESTAMPTZ(3) NOT NULL,
    "reason_code" TEXT,
    "parcel_size" TEXT NOT NULL,
    "ready_at" TIMESTAMPTZ(3) NOT NULL,
    "window_from" TIMESTAMPTZ(3),
    "window_to" TIMESTAMPTZ(3),
    "currency" TEXT NOT NULL,
    "fee_cents" INTEGER NOT NULL,
    "pay_cents" INTEGER NOT NULL,
    "bonus_cents" INTEGER NOT NULL DEFAULT 0,
    "distance_meters" INTEGER NOT NULL,
    "search_at" TIMESTAMPTZ(3) NOT NULL,
    "unassigned_ms" BIGINT NOT NULL DEFAULT 0,
    "unassigned_since" TIMESTAMPTZ(3),
    "search_round" INTEGER NOT NULL DEFAULT 0,
    "search_again_at" TIMESTAMPTZ(3),
    "escalation_level" INTEGER NOT NULL DEFAULT 0,
    "driver_id" UUID,
    "pinned" BOOLEAN NOT NULL DEFAULT false,
    "assigned_at" TIMESTAMPTZ(3),
    "picked_up_at" TIMESTAMPTZ(3),
    "closed_at" TIMESTAMPTZ(3),
    "correlation_id" TEXT NOT NULL,
    "audit_hash" BYTEA,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "deliveries_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "stops" (
    "id" UUID NOT NULL,
    "delivery_id" UUID NOT NULL,
    "kind" TEXT NOT NULL,
    "address" TEXT NOT NULL,
    "lat" DOUBLE PRECISION NOT NULL,
    "lng" DOUBLE PRECISION NOT NULL,
    "contact_name" TEXT,
    "contact_phone" TEXT,
    "notes" TEXT,
    "arrived_at" TIMESTAMPTZ(3),
    "completed_at" TIMESTAMPTZ(3),

    CONSTRAINT "stops_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "offers" (
    "id" UUID NOT NULL,
    "delivery_id" UUID NOT NULL,
    "driver_id" UUID NOT NULL,
    "kind" TEXT NOT NULL DEFAULT 'SINGLE',
    "state" TEXT NOT NULL DEFAULT 'LIVE',
    "round" INTEGER NOT NULL,
    "pay_cents" INTEGER NOT NULL,
    "escalation_level" INTEGER NOT NULL DEFAULT 0,
    "payload" JSONB NOT NULL,
    "choice" JSONB NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "reached_at" TIMESTAMPTZ(3),
    "ended_at" TIMESTAMPTZ(3),
    "end_reason" TEXT,

    CONSTRAINT "offers_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "assignments" (
    "id" UUID NOT NULL,
    "delivery_id" UUID NOT NULL,
    "driver_id" UUID NOT NULL,
    "offer_id" UUID,
    "way" TEXT NOT NULL,
    "state" TEXT NOT NULL DEFAULT 'ACTIVE',
    "pinned" BOOLEAN NOT NULL DEFAULT false,
    "pay_cents" INTEGER NOT NULL,
    "started_at" TIMESTAMPTZ(3) NOT NULL,
    "at_pickup_at" TIMESTAMPTZ(3),
    "picked_up_at" TIMESTAMPTZ(3),
    "at_dropoff_at" TIMESTAMPTZ(3),
    "ended_at" TIMESTAMPTZ(3),
    "end_reason" TEXT,
    "choice" JSONB,

    CONSTRAINT "assignments_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "audit_entries" (
    "id" UUID NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "kind" TEXT NOT NULL,
    "city_id" TEXT NOT NULL,
    "delivery_id" UUID,
    "driver_id" UUID,
    "merchant_id" TEXT,
    "seller_order_id" TEXT,
    "actor_kind" TEXT NOT NULL,
    "actor_id" TEXT NOT NULL,
    "from_state" TEXT,
    "to_state" TEXT,
    "why" TEXT,
    "correlation_id" TEXT NOT NULL,
    "device_at" TIMESTAMPTZ(3),
    "detail" JSONB,
    "chain" TEXT NOT NULL,
    "prev_hash" BYTEA,
    "hash" BYTEA NOT NULL,

    CONSTRAINT "audit_entries_pkey" PRIMARY KEY ("id","at")
) PARTITION BY RANGE ("at");

-- CreateTable
CREATE TABLE "outbox" (
    "id" BIGSERIAL NOT NULL,
    "kind" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "payload" JSONB NOT NULL,
    "correlation_id" TEXT NOT NULL,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "next_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "sent_at" TIMESTAMPTZ(3),
    "last_error" TEXT,

    CONSTRAINT "outbox_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "escalations" (
    "id" UUID NOT NULL,
    "delivery_id" UUID NOT NULL,
    "city_id" TEXT NOT NULL,
    "level" INTEGER NOT NULL,
    "state" TEXT NOT NULL DEFAULT 'OPEN',
    "reason" TEXT NOT NULL,
    "opened_at" TIMESTAMPTZ(3) NOT NULL,
    "acknowledged_at" TIMESTAMPTZ(3),
    "acknowledged_by" TEXT,
    "resolved_at" TIMESTAMPTZ(3),
    "resolved_by" TEXT,

    CONSTRAINT "escalations_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "feature_settings" (
    "id" BIGSERIAL NOT NULL,
    "name" TEXT NOT NULL,
    "enabled" BOOLEAN,
    "percent" INTEGER,
    "cities" TEXT[],
    "who" TEXT NOT NULL,
    "why" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "feature_settings_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "position_fixes" (
    "id" BIGSERIAL NOT NULL,
    "driver_id" UUID NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "received_at" TIMESTAMPTZ(3) NOT NULL,
    "lat" DOUBLE PRECISION NOT NULL,
    "lng" DOUBLE PRECISION NOT NULL,
    "accuracy_meters" DOUBLE PRECISION,
    "speed_mps" DOUBLE PRECISION,
    "heading_degrees" DOUBLE PRECISION,

    CONSTRAINT "position_fixes_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "zones_city_id_idx" ON "zones"("city_id");

-- CreateIndex
CREATE INDEX "vehicles_driver_id_idx" ON "vehicles"("driver_id");

-- CreateIndex
CREATE INDEX "drivers_city_id_availability_idx" ON "drivers"("city_id", "availability");

-- CreateIndex
CREATE INDEX "drivers_city_id_id_idx" ON "drivers"("city_id", "id");

-- CreateIndex
CREATE INDEX "deliveries_merchant_id_id_idx" ON "deliveries"("merchant_id", "id" DESC);

-- CreateIndex
CREATE INDEX "deliveries_city_id_status_id_idx" ON "deliveries"("city_id", "status", "id" DESC);

-- CreateIndex
CREATE INDEX "deliveries_city_id_id_idx" ON "deliveries"("city_id", "id" DESC);

-- CreateIndex
CREATE INDEX "deliveries_status_id_idx" ON "deliveries"("status", "id" DESC);

-- CreateIndex
CREATE INDEX "deliveries_driver_id_id_idx" ON "deliveries"("driver_id", "id" DESC);

-- CreateIndex
CREATE UNIQUE INDEX "deliveries_merchant_id_seller_order_id_key" ON "deliveries"("merchant_id", "seller_order_id");

-- CreateIndex
CREATE UNIQUE INDEX "stops_delivery_id_kind_key" ON "stops"("delivery_id", "kind");

-- CreateIndex
CREATE INDEX "offers_delivery_id_created_at_idx" ON "offers"("delivery_id", "created_at");

-- CreateIndex
CREATE INDEX "offers_driver_id_created_at_idx" ON "offers"("driver_id", "created_at" DESC);

-- CreateIndex
CREATE INDEX "assignments_delivery_id_started_at_idx" ON "assignments"("delivery_id", "started_at");

-- CreateIndex
CREATE INDEX "assignments_driver_id_started_at_idx" ON "assignments"("driver_id", "started_at" DESC);

-- CreateIndex
CREATE INDEX "audit_entries_delivery_id_at_idx" ON "audit_entries"("delivery_id", "at");

-- CreateIndex
CREATE INDEX "audit_entries_driver_id_at_idx" ON "audit_entries"("driver_id", "at");

-- CreateIndex
CREATE INDEX "audit_entries_merchant_id_seller_order_id_at_idx" ON "audit_entries"("merchant_id", "seller_order_id", "at");

-- CreateIndex
CREATE INDEX "audit_entries_actor_kind_actor_id_at_idx" ON "audit_entries"("actor_kind", "actor_id", "at");

-- CreateIndex
CREATE INDEX "audit_entries_kind_at_idx" ON "audit_entries"("kind", "at");

-- CreateIndex
CREATE INDEX "escalations_delivery_id_opened_at_idx" ON "escalations"("delivery_id", "opened_at");

-- CreateIndex
CREATE INDEX "escalations_city_id_state_opened_at_idx" ON "escalations"("city_id", "state", "opened_at");

-- CreateIndex
CREATE INDEX "feature_settings_name_id_idx" ON "feature_settings"("name", "id" DESC);

-- CreateIndex
CREATE UNIQUE INDEX "position_fixes_driver_id_at_key" ON "position_fixes"("driver_id", "at");

-- AddForeignKey
ALTER TABLE "zones" ADD CONSTRAINT "zones_city_id_fkey" FOREIGN KEY ("city_id") REFERENCES "cities"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "vehicles" ADD CONSTRAINT "vehicles_driver_id_fkey" FOREIGN KEY ("driver_id") REFERENCES "drivers"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "drivers" ADD CONSTRAINT "drivers_city_id_fkey" FOREIGN KEY ("city_id") REFERENCES "cities"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "deliveries" ADD CONSTRAINT "deliveries_city_id_fkey" FOREIGN KEY ("city_id") REFERENCES "cities"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "deliveries" ADD CONSTRAINT "deliveries_zone_id_fkey" FOREIGN KEY ("zone_id") REFERENCES "zones"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "deliveries" ADD CONSTRAINT "deliveries_merchant_id_fkey" FOREIGN KEY ("merchant_id") REFERENCES "merchants"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "stops" ADD CONSTRAINT "stops_delivery_id_fkey" FOREIGN KEY ("delivery_id") REFERENCES "deliveries"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "offers" ADD CONSTRAINT "offers_delivery_id_fkey" FOREIGN KEY ("delivery_id") REFERENCES "deliveries"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "offers" ADD CONSTRAINT "offers_driver_id_fkey" FOREIGN KEY ("driver_id") REFERENCES "drivers"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "assignments" ADD CONSTRAINT "assignments_delivery_id_fkey" FOREIGN KEY ("delivery_id") REFERENCES "deliveries"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "assignments" ADD CONSTRAINT "assignments_driver_id_fkey" FOREIGN KEY ("driver_id") REFERENCES "drivers"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "assignments" ADD CONSTRAINT "assignments_offer_id_fkey" FOREIGN KEY ("offer_id") REFERENCES "offers"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "escalations" ADD CONSTRAINT "escalations_delivery_id_fkey" FOREIGN KEY ("delivery_id") REFERENCES "deliveries"("id") ON DELETE RESTRICT ON UPDATE CASCADE;



-- Invariants (docs/adr/0003-the-row-decides.md): whatever the code does, these hold.
CREATE UNIQUE INDEX "one_live_offer_a_driver" ON "offers" ("driver_id") WHERE "state" = 'LIVE';
CREATE UNIQUE INDEX "one_live_single_offer_a_delivery" ON "offers" ("delivery_id") WHERE "state" = 'LIVE' AND "kind" = 'SINGLE';
CREATE UNIQUE INDEX "one_active_assignment_a_delivery" ON "assignments" ("delivery_id") WHERE "state" = 'ACTIVE';
CREATE INDEX "active_assignments_of_a_driver" ON "assignments" ("driver_id") WHERE "state" = 'ACTIVE';
CREATE INDEX "deliveries_waiting" ON "deliveries" ("city_id", "escalation_level" DESC, "search_at") WHERE "status" = 'SEARCHING';
CREATE INDEX "deliveries_open" ON "deliveries" ("id") WHERE "closed_at" IS NULL;
CREATE INDEX "drivers_timed" ON "drivers" ("availability_until") WHERE "availability_until" IS NOT NULL;
CREATE INDEX "outbox_unsent" ON "outbox" ("next_at", "id") WHERE "sent_at" IS NULL;
CREATE INDEX "outbox_sent" ON "outbox" ("sent_at") WHERE "sent_at" IS NOT NULL;
CREATE UNIQUE INDEX "one_open_escalation_a_level" ON "escalations" ("delivery_id", "level") WHERE "state" <> 'RESOLVED';

ALTER TABLE "drivers"
  ADD CONSTRAINT "driver_holds_no_more_than_capacity" CHECK ("live_offers" >= 0 AND "active_assignments" >= 0 AND "live_offers" + "active_assignments" <= "capacity"),
  ADD CONSTRAINT "driver_capacity" CHECK ("capacity" BETWEEN 1 AND 10),
  ADD CONSTRAINT "driver_availability" CHECK ("availability" IN ('AVAILABLE','BUSY','OFFLINE','ON_BREAK','PAUSED','SHIFT_ENDED')),
  ADD CONSTRAINT "driver_vehicle" CHECK ("vehicle_kind" IN ('BICYCLE','MOPED','CAR','VAN')),
  ADD CONSTRAINT "driver_place" CHECK ("last_lat" BETWEEN -90 AND 90 AND "last_lng" BETWEEN -180 AND 180);

ALTER TABLE "vehicles"
  ADD CONSTRAINT "vehicle_kind" CHECK ("kind" IN ('BICYCLE','MOPED','CAR','VAN'));

ALTER TABLE "deliveries"
  ADD CONSTRAINT "delivery_status" CHECK ("status" IN ('PENDING','SEARCHING','OFFERED','ASSIGNED','AT_PICKUP','PICKED_UP','AT_DROPOFF','DELIVERED','CANCELLED','FAILED','RETURNING','RETURNED')),
  ADD CONSTRAINT "delivery_closed_when_over" CHECK (("closed_at" IS NOT NULL) = ("status" IN ('DELIVERED','CANCELLED','FAILED','RETURNED'))),
  ADD CONSTRAINT "delivery_carried_by_a_driver" CHECK (("driver_id" IS NOT NULL) OR "status" NOT IN ('ASSIGNED','AT_PICKUP','PICKED_UP','AT_DROPOFF','DELIVERED','RETURNING','RETURNED')),
  ADD CONSTRAINT "delivery_searched_by_nobody" CHECK (("driver_id" IS NULL) OR "status" NOT IN ('PENDING','SEARCHING','OFFERED')),
  ADD CONSTRAINT "delivery_parcel" CHECK ("parcel_size" IN ('SMALL','MEDIUM','LARGE','XLARGE')),
  ADD CONSTRAINT "delivery_money" CHECK ("fee_cents" >= 0 AND "pay_cents" >= 0 AND "bonus_cents" >= 0),
  ADD CONSTRAINT "delivery_window" CHECK ("window_to" IS NULL OR "window_from" IS NULL OR "window_to" > "window_from"),
  ADD CONSTRAINT "delivery_counts" CHECK ("escalation_level" BETWEEN 0 AND 3 AND "search_round" >= 0 AND "unassigned_ms" >= 0);

ALTER TABLE "stops"
  ADD CONSTRAINT "stop_kind" CHECK ("kind" IN ('PICKUP','DROPOFF')),
  ADD CONSTRAINT "stop_place" CHECK ("lat" BETWEEN -90 AND 90 AND "lng" BETWEEN -180 AND 180);

ALTER TABLE "offers"
  ADD CONSTRAINT "offer_kind" CHECK ("kind" IN ('SINGLE','BROADCAST')),
  ADD CONSTRAINT "offer_state" CHECK ("state" IN ('LIVE','ACCEPTED','REJECTED','EXPIRED','WITHDRAWN')),
  ADD CONSTRAINT "offer_ended_when_not_live" CHECK (("ended_at" IS NULL) = ("state" = 'LIVE')),
  ADD CONSTRAINT "offer_expires_after_it_was_made" CHECK ("expires_at" > "created_at");

ALTER TABLE "assignments"
  ADD CONSTRAINT "assignment_way" CHECK ("way" IN ('OFFER','V1','MANUAL','HANDOVER')),
  ADD CONSTRAINT "assignment_state" CHECK ("state" IN ('ACTIVE','COMPLETED','LOST','CANCELLED','FAILED')),
  ADD CONSTRAINT "assignment_ended_when_not_active" CHECK (("ended_at" IS NULL) = ("state" = 'ACTIVE'));

ALTER TABLE "escalations"
  ADD CONSTRAINT "escalation_state" CHECK ("state" IN ('OPEN','ACKNOWLEDGED','RESOLVED'));

ALTER TABLE "feature_settings"
  ADD CONSTRAINT "feature_percent" CHECK ("percent" BETWEEN 0 AND 100);

-- Partitions of the audit: one a month, made ahead; the default one catches what no month was made for.
CREATE TABLE "audit_entries_default" PARTITION OF "audit_entries" DEFAULT;

CREATE FUNCTION "ensure_audit_partitions"("first_month" date, "months" int) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  starts date := date_trunc('month', first_month)::date;
  made int := 0;
  partition_name text;
  from_at timestamptz;
  to_at timestamptz;
BEGIN
  -- One at a time: two workers may look after partitions at once.
  PERFORM pg_advisory_xact_lock(hashtext('ensure_audit_partitions'));
  FOR i IN 1..months LOOP
    partition_name := 'audit_entries_' || to_char(starts, 'YYYY_MM');
    from_at := (starts || ' 00:00:00+00')::timestamptz;
    to_at := ((starts + interval '1 month')::date || ' 00:00:00+00')::timestamptz;
    IF to_regclass('public.' || partition_name) IS NULL THEN
      -- What came before its month was made lies in the default partition, which would not let the month be attached over it.
      EXECUTE format('CREATE TABLE public.%I (LIKE public.audit_entries INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', partition_name);
      EXECUTE format('WITH moved AS (DELETE FROM public.audit_entries_default WHERE at >= %L AND at < %L RETURNING *) INSERT INTO public.%I SELECT * FROM moved',
        from_at, to_at, partition_name);
      EXECUTE format('ALTER TABLE public.audit_entries ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)', partition_name, from_at, to_at);
      made := made + 1;
    END IF;
    starts := (starts + interval '1 month')::date;
  END LOOP;
  RETURN made;
END $$;

SELECT "ensure_audit_partitions"(now()::date, 3);

-- The service logs in as a member of a role that owns nothing: it may add to the audit and read it, and no more.
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'driver_service_app') THEN
    CREATE ROLE "driver_service_app" NOLOGIN;
  END IF;
END $$;
GRANT USAGE ON SCHEMA public TO "driver_service_app";
GRANT SELECT, INSERT, UPDATE, DELETE ON "cities", "zones", "merchants", "vehicles", "drivers", "deliveries", "stops", "offers",
  "assignments", "outbox", "escalations", "feature_settings", "position_fixes" TO "driver_service_app";
GRANT SELECT, INSERT ON "audit_entries" TO "driver_service_app";
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO "driver_service_app";
REVOKE ALL ON FUNCTION "ensure_audit_partitions"(date, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION "ensure_audit_partitions"(date, int) TO "driver_service_app";
