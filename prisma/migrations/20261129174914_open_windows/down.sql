DROP INDEX "deliveries_open_windows";
