-- The service's login may do what the service does, and no more (test/adapters/auditGuards).
REVOKE DELETE ON "cities", "zones", "merchants", "vehicles", "drivers", "deliveries", "stops", "offers", "assignments",
  "escalations", "rescues", "audit_checks" FROM "driver_service_app";
-- History: each row says who changed what, and stays.
REVOKE UPDATE, DELETE ON "feature_settings" FROM "driver_service_app";
REVOKE UPDATE ON "position_fixes", "zone_health" FROM "driver_service_app";
