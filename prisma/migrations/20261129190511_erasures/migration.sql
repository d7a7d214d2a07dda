-- Requests to erase a person, and what was erased. A request names its subject until everybody is found.
CREATE TABLE "erasures" (
    "id" UUID NOT NULL,
    "kind" TEXT NOT NULL,
    "subject" JSONB,
    "cities" TEXT[],
    "by_id" TEXT NOT NULL,
    "correlation_id" TEXT NOT NULL,
    "found" INTEGER NOT NULL DEFAULT 0,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "finished_at" TIMESTAMPTZ(3),

    CONSTRAINT "erasures_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "erasure_kind" CHECK ("kind" IN ('CUSTOMER', 'DRIVER'))
);
CREATE INDEX "erasures_unfinished" ON "erasures" ("created_at") WHERE "finished_at" IS NULL;

-- How far a sweep has come that goes through a table once.
CREATE TABLE "erasure_marks" (
    "name" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "erasure_marks_pkey" PRIMARY KEY ("name")
);

-- Null: not to be erased on request. Null: what it says of people stands there.
ALTER TABLE "deliveries" ADD COLUMN "erasure_id" UUID, ADD COLUMN "erased_at" TIMESTAMPTZ(3);
ALTER TABLE "drivers" ADD COLUMN "erased_at" TIMESTAMPTZ(3);

GRANT SELECT, INSERT, UPDATE ON "erasures", "erasure_marks" TO "driver_service_app";
GRANT UPDATE ("why") ON "suspensions" TO "driver_service_app";
GRANT DELETE ON "meeting_points" TO "driver_service_app";
