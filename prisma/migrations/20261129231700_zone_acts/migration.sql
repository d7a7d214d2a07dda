-- What ops did to a whole zone or city. Those with an end are in force until then, unless somebody ended them.
CREATE TABLE "zone_acts" (
    "id" UUID NOT NULL,
    "kind" TEXT NOT NULL,
    "city_id" TEXT NOT NULL,
    "zone_id" TEXT,
    "request_key" TEXT NOT NULL,
    "reason" TEXT,
    "cancel_reason" TEXT,
    "bonus_cents" INTEGER,
    "waiting_over_minutes" INTEGER,
    "radius_meters" INTEGER,
    "why" TEXT NOT NULL,
    "by_id" TEXT NOT NULL,
    "correlation_id" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "until_at" TIMESTAMPTZ(3),
    "ended_at" TIMESTAMPTZ(3),
    "ended_by_id" TEXT,

    CONSTRAINT "zone_acts_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "zone_act_kind" CHECK ("kind" IN ('STOP_ORDERS', 'WIDEN', 'RAISE_PAY', 'CANCEL_WAITING'))
);
CREATE UNIQUE INDEX "zone_acts_request_key_key" ON "zone_acts" ("request_key");
-- Few are in force at a time, however many there were.
CREATE INDEX "zone_acts_in_force" ON "zone_acts" ("until_at") WHERE "ended_at" IS NULL AND "until_at" IS NOT NULL;
-- Reasons, until they are erased by their age.
CREATE INDEX "zone_acts_with_reasons" ON "zone_acts" ("created_at") WHERE "why" <> '';
GRANT SELECT, INSERT ON "zone_acts" TO "driver_service_app";
GRANT UPDATE ("ended_at", "ended_by_id", "why") ON "zone_acts" TO "driver_service_app";
