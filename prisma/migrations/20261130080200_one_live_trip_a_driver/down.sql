-- The way back fails while a trip is offered: docs/upgrading.md.
CREATE UNIQUE INDEX "one_live_offer_a_driver" ON "offers" ("driver_id") WHERE "state" = 'LIVE';
