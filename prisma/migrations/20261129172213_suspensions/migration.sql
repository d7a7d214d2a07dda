-- Drivers and merchants whom ops have suspended, and those who were. Not in the rows of drivers and merchants: each
-- process knows all that are open, and reads only these.
CREATE TABLE "suspensions" (
    "id" UUID NOT NULL,
    "subject_kind" TEXT NOT NULL,
    "subject_id" TEXT NOT NULL,
    "why" TEXT NOT NULL,
    "by_id" TEXT NOT NULL,
    "since" TIMESTAMPTZ(3) NOT NULL,
    "lifted_at" TIMESTAMPTZ(3),
    "lifted_by_id" TEXT,
    "lifted_why" TEXT,

    CONSTRAINT "suspensions_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "suspension_subject" CHECK ("subject_kind" IN ('driver', 'merchant'))
);
-- One open suspension a subject.
CREATE UNIQUE INDEX "suspensions_open" ON "suspensions" ("subject_kind", "subject_id") WHERE "lifted_at" IS NULL;
GRANT SELECT, INSERT ON "suspensions" TO "driver_service_app";
GRANT UPDATE ("lifted_at", "lifted_by_id", "lifted_why") ON "suspensions" TO "driver_service_app";
