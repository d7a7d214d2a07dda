-- How far a city delivers, and in which country its phone numbers are local; null: the setting, and the country of its time zone.
ALTER TABLE "cities" ADD COLUMN "country" TEXT, ADD COLUMN "service_radius_meters" INTEGER;

-- Phone numbers stay as they were given; beside them the form that can be called, where there is one.
ALTER TABLE "stops" ADD COLUMN "contact_phone_e164" TEXT;
ALTER TABLE "drivers" ADD COLUMN "phone_e164" TEXT;

-- What the shop sent, as a hash that no later optional field changes, and the fields it sent; null and empty: taken by an older release.
ALTER TABLE "deliveries" ADD COLUMN "request_fingerprint" TEXT, ADD COLUMN "request_fields" TEXT[] NOT NULL DEFAULT '{}';
