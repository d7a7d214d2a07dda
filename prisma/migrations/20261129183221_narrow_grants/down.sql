-- The way back.
GRANT DELETE ON "cities", "zones", "merchants", "vehicles", "drivers", "deliveries", "stops", "offers", "assignments",
  "escalations", "rescues", "audit_checks" TO "driver_service_app";
GRANT UPDATE, DELETE ON "feature_settings" TO "driver_service_app";
GRANT UPDATE ON "position_fixes", "zone_health" TO "driver_service_app";
