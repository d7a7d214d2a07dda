-- The way back. What was erased stays so.
REVOKE UPDATE ("why") ON "suspensions" FROM "driver_service_app";
REVOKE DELETE ON "meeting_points" FROM "driver_service_app";
ALTER TABLE "drivers" DROP COLUMN "erased_at";
ALTER TABLE "deliveries" DROP COLUMN "erased_at", DROP COLUMN "erasure_id";
DROP TABLE "erasure_marks";
DROP TABLE "erasures";
