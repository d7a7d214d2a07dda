-- The way back. What was changed stays in the orders.
DROP TABLE "order_changes";
