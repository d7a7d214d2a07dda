-- A month that is made late is attached in pieces, each under a lock that keeps writers out.
-- Before, a writer could add a row between the move and ATTACH, which then failed, each time under traffic.
-- Older workers call the function as before: once a call, with the same result.
CREATE OR REPLACE FUNCTION "ensure_audit_partitions"("first_month" date, "months" int) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET timezone = 'UTC'
SET datestyle = 'ISO'
-- Writers queue behind the request for the lock, so it must not wait long. The next sweep tries again.
SET lock_timeout = '2s'
AS $$
DECLARE
  -- Writers wait while one piece is moved: about half a second.
  piece_rows constant int := 20000;
  month_from timestamptz;
  month_to timestamptz;
  piece_from timestamptz;
  piece_to timestamptz;
  is_late boolean;
  has_moved boolean := false;
  made int := 0;
  partition_name text;
  part int;
BEGIN
  -- One at a time: two workers may look after partitions at once.
  PERFORM pg_advisory_xact_lock(hashtext('ensure_audit_partitions'));
  FOR month_from IN
    SELECT date_trunc('month', first_month::timestamptz) + n * interval '1 month' FROM generate_series(0, months - 1) AS n
    UNION
    SELECT DISTINCT date_trunc('month', at) FROM public.audit_entries_default WHERE at < date_trunc('month', first_month::timestamptz)
    ORDER BY 1
  LOOP
    month_to := month_from + interval '1 month';
    SELECT coalesce(max(bounds.upper), month_from) INTO piece_from FROM (
      SELECT substring(pg_get_expr(c.relpartbound, c.oid) FROM 'FROM \(''([^'']+)''\)')::timestamptz AS lower,
        substring(pg_get_expr(c.relpartbound, c.oid) FROM 'TO \(''([^'']+)''\)')::timestamptz AS upper
      FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
      WHERE i.inhparent = 'public.audit_entries'::regclass
    ) AS bounds WHERE bounds.lower >= month_from AND bounds.lower < month_to;
    CONTINUE WHEN piece_from >= month_to;
    is_late := EXISTS (SELECT FROM public.audit_entries_default WHERE at >= piece_from AND at < month_to);
    -- One piece a call: between two pieces, writers go on.
    CONTINUE WHEN is_late AND has_moved;
    SELECT least(coalesce(max(at) + interval '1 millisecond', month_to), month_to) INTO piece_to FROM (
      SELECT at FROM public.audit_entries_default WHERE at >= piece_from AND at < month_to ORDER BY at OFFSET piece_rows - 1 LIMIT 1
    ) AS last_row;
    partition_name := 'audit_entries_' || to_char(month_from, 'YYYY_MM');
    part := 1;
    WHILE to_regclass('public.' || partition_name) IS NOT NULL LOOP
      part := part + 1;
      partition_name := 'audit_entries_' || to_char(month_from, 'YYYY_MM') || '_' || part;
    END LOOP;
    -- Writers wait before they choose a partition. One that had chosen the default partition would be refused.
    LOCK TABLE public.audit_entries IN SHARE ROW EXCLUSIVE MODE;
    LOCK TABLE public.audit_entries_default IN ACCESS EXCLUSIVE MODE;
    EXECUTE format('CREATE TABLE public.%I (LIKE public.audit_entries INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', partition_name);
    EXECUTE format('WITH moved AS (DELETE FROM public.audit_entries_default WHERE at >= %L AND at < %L RETURNING *) INSERT INTO public.%I SELECT * FROM moved',
      piece_from, piece_to, partition_name);
    EXECUTE format('ALTER TABLE public.audit_entries ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)', partition_name, piece_from, piece_to);
    has_moved := has_moved OR is_late;
    made := made + 1;
  END LOOP;
  RETURN made;
END $$;

-- For the gauge of rows that no month was made for.
GRANT SELECT ON "audit_entries_default" TO "driver_service_app";
