-- The deliveries that an act on a zone reaches, and what each of them answered: null, it has not yet.
CREATE TABLE "zone_act_deliveries" (
    "act_id" UUID NOT NULL,
    "delivery_id" UUID NOT NULL,
    "outcome" TEXT,
    "at" TIMESTAMPTZ(3),

    CONSTRAINT "zone_act_deliveries_pkey" PRIMARY KEY ("act_id", "delivery_id")
);
GRANT SELECT, INSERT ON "zone_act_deliveries" TO "driver_service_app";
GRANT UPDATE ("outcome", "at") ON "zone_act_deliveries" TO "driver_service_app";
