-- Deliveries of one zone that need people for one cause are told together. A row is a group that is open.
CREATE TABLE "notice_groups" (
    -- The addressee and the matter, as the key of its messages in the outbox.
    "key" TEXT NOT NULL,
    "addressee" TEXT NOT NULL,
    "city_id" TEXT NOT NULL,
    "zone_id" TEXT,
    "cause" TEXT NOT NULL,
    "level" INTEGER NOT NULL,
    "opened_at" TIMESTAMPTZ(3) NOT NULL,
    "alerted_at" TIMESTAMPTZ(3) NOT NULL,
    "told_at" TIMESTAMPTZ(3) NOT NULL,
    "told_count" INTEGER NOT NULL,

    CONSTRAINT "notice_groups_pkey" PRIMARY KEY ("key")
);
GRANT SELECT, INSERT, UPDATE, DELETE ON "notice_groups" TO "driver_service_app";

-- Whether the page of a case is its group's. Null: an older release paged it alone.
ALTER TABLE "escalations" ADD COLUMN "in_group" BOOLEAN;
