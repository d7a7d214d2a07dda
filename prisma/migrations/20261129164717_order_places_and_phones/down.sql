-- The way back. Older releases know orders by request_hash, which newer ones write too.
ALTER TABLE "deliveries" DROP COLUMN "request_fields", DROP COLUMN "request_fingerprint";
ALTER TABLE "drivers" DROP COLUMN "phone_e164";
ALTER TABLE "stops" DROP COLUMN "contact_phone_e164";
ALTER TABLE "cities" DROP COLUMN "service_radius_meters", DROP COLUMN "country";
