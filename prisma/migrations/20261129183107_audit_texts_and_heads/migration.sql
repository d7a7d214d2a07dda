-- What people typed into an entry is sealed by a salted digest, so that it can end while the chain holds. Null: the
-- entry has no such text, or is of a release that hashed it with the rest.
ALTER TABLE "audit_entries" ADD COLUMN "texts" JSONB;

-- Heads of the chains that are neither a delivery's nor a driver's: cities, merchants, features, erasures.
CREATE TABLE "audit_heads" (
    "chain" TEXT NOT NULL,
    "city_id" TEXT NOT NULL,
    "hash" BYTEA,

    CONSTRAINT "audit_heads_pkey" PRIMARY KEY ("chain")
);
GRANT SELECT, INSERT, UPDATE ON "audit_heads" TO "driver_service_app";

-- The trail is append-only for its owner too. Two things pass: texts and their salt may be removed, since the check
-- demands an entry that says so; and a late partition is filled from the default one.
CREATE FUNCTION "refuse_audit_change"() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF TG_OP = 'DELETE' AND TG_TABLE_NAME = 'audit_entries_default'
    AND current_setting('driver_service.moves_audit_entries', true) = 'on' THEN
    RETURN OLD;
  END IF;
  IF TG_OP = 'UPDATE' THEN
    IF (to_jsonb(NEW) - 'why' - 'detail' - 'texts') = (to_jsonb(OLD) - 'why' - 'detail' - 'texts')
      AND (NEW.why IS NULL OR NEW.why = OLD.why)
      AND (NEW.detail IS NULL OR OLD.detail @> NEW.detail)
      AND NEW.texts IS NOT DISTINCT FROM OLD.texts - 'salt' THEN
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'the audit trail is append-only: % on % is refused', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER "audit_entries_are_final" BEFORE UPDATE OR DELETE ON "audit_entries"
  FOR EACH ROW EXECUTE FUNCTION "refuse_audit_change"();
CREATE TRIGGER "audit_entries_stay" BEFORE TRUNCATE ON "audit_entries"
  FOR EACH STATEMENT EXECUTE FUNCTION "refuse_audit_change"();

-- A partition has the row trigger of the table it belongs to, and needs its own against TRUNCATE.
CREATE FUNCTION "guard_audit_partitions"() RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET lock_timeout = '500ms' AS $$
DECLARE
  part regclass;
  guarded int := 0;
BEGIN
  FOR part IN
    SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'public.audit_entries'::regclass
      AND NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = inhrelid AND tgname = 'audit_entries_stay')
  LOOP
    EXECUTE format('CREATE TRIGGER audit_entries_stay BEFORE TRUNCATE ON %s
      FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_audit_change()', part);
    guarded := guarded + 1;
  END LOOP;
  RETURN guarded;
END $$;
SELECT "guard_audit_partitions"();

-- The one way for the service to remove texts: it may not update the trail.
-- Fields by entry: [{"id", "at", "fields"}].
CREATE FUNCTION "erase_audit_texts"("given" jsonb) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  erased int;
BEGIN
  UPDATE public.audit_entries e SET
    why = CASE WHEN listed.fields ? 'why' THEN NULL ELSE e.why END,
    detail = e.detail - ARRAY(SELECT jsonb_array_elements_text(listed.fields)),
    texts = e.texts - 'salt'
  FROM jsonb_to_recordset(given) AS listed(id uuid, at timestamptz, fields jsonb)
  WHERE e.id = listed.id AND e.at = listed.at;
  GET DIAGNOSTICS erased = ROW_COUNT;
  RETURN erased;
END $$;
REVOKE ALL ON FUNCTION "guard_audit_partitions"() FROM PUBLIC;
REVOKE ALL ON FUNCTION "erase_audit_texts"(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION "guard_audit_partitions"(), "erase_audit_texts"(jsonb) TO "driver_service_app";
ALTER FUNCTION "ensure_audit_partitions"(date, int) SET "driver_service.moves_audit_entries" = 'on';
