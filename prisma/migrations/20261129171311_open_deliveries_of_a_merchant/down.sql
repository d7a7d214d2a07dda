DROP INDEX "deliveries_open_of_a_merchant";
