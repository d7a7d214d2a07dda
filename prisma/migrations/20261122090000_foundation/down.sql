-- The way back to an empty database. The role stays: it belongs to the server, and other databases may use it.
DROP TABLE "position_fixes", "feature_settings", "escalations", "outbox", "audit_entries", "assignments", "offers", "stops",
  "deliveries", "vehicles", "drivers", "merchants", "zones", "cities" CASCADE;
DROP FUNCTION "ensure_audit_partitions"(date, int);
REVOKE ALL ON SCHEMA public FROM "driver_service_app";
