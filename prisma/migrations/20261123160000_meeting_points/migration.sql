-- Where goods are to be handed over. Kept here and told to workflows by id: their histories hold no places and no addresses.
CREATE TABLE "meeting_points" (
    "id" UUID NOT NULL,
    "delivery_id" UUID NOT NULL,
    "lat" DOUBLE PRECISION NOT NULL,
    "lng" DOUBLE PRECISION NOT NULL,
    "address" TEXT,
    "by_id" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "meeting_points_pkey" PRIMARY KEY ("id")
);
ALTER TABLE "meeting_points" ADD CONSTRAINT "meeting_points_delivery_id_fkey" FOREIGN KEY ("delivery_id") REFERENCES "deliveries"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "meeting_points" ADD CONSTRAINT "meeting_point_place" CHECK ("lat" BETWEEN -90 AND 90 AND "lng" BETWEEN -180 AND 180);
GRANT SELECT, INSERT ON "meeting_points" TO "driver_service_app";
