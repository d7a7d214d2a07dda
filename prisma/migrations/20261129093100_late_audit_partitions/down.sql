-- The way back: the function as it was. Pieces stay attached; the old function creates no month whose first piece is there.
REVOKE SELECT ON "audit_entries_default" FROM "driver_service_app";
CREATE OR REPLACE FUNCTION "ensure_audit_partitions"("first_month" date, "months" int) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  starts date := date_trunc('month', first_month)::date;
  made int := 0;
  partition_name text;
  from_at timestamptz;
  to_at timestamptz;
BEGIN
  -- One at a time: two workers may look after partitions at once.
  PERFORM pg_advisory_xact_lock(hashtext('ensure_audit_partitions'));
  FOR i IN 1..months LOOP
    partition_name := 'audit_entries_' || to_char(starts, 'YYYY_MM');
    from_at := (starts || ' 00:00:00+00')::timestamptz;
    to_at := ((starts + interval '1 month')::date || ' 00:00:00+00')::timestamptz;
    IF to_regclass('public.' || partition_name) IS NULL THEN
      -- What came before its month was made lies in the default partition, which would not let the month be attached over it.
      EXECUTE format('CREATE TABLE public.%I (LIKE public.audit_entries INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', partition_name);
      EXECUTE format('WITH moved AS (DELETE FROM public.audit_entries_default WHERE at >= %L AND at < %L RETURNING *) INSERT INTO public.%I SELECT * FROM moved',
        from_at, to_at, partition_name);
      EXECUTE format('ALTER TABLE public.audit_entries ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)', partition_name, from_at, to_at);
      made := made + 1;
    END IF;
    starts := (starts + interval '1 month')::date;
  END LOOP;
  RETURN made;
END $$;
