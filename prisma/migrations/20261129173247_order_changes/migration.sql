-- What shops and ops ask to change in an order before the pickup. Workflows are told the id: their histories hold no contacts and no addresses.
CREATE TABLE "order_changes" (
    "id" UUID NOT NULL,
    "delivery_id" UUID NOT NULL,
    "request_key" TEXT NOT NULL,
    "content" JSONB,
    "fields" TEXT[] NOT NULL DEFAULT '{}',
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "applied_at" TIMESTAMPTZ(3),

    CONSTRAINT "order_changes_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "order_changes_delivery_id_request_key_key" ON "order_changes" ("delivery_id", "request_key");
CREATE INDEX "order_changes_with_content" ON "order_changes" ("created_at") WHERE "content" IS NOT NULL;
ALTER TABLE "order_changes" ADD CONSTRAINT "order_changes_delivery_id_fkey" FOREIGN KEY ("delivery_id") REFERENCES "deliveries"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
GRANT SELECT, INSERT, UPDATE ON "order_changes" TO "driver_service_app";
