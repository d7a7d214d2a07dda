DROP INDEX "outbox_unsent_by_key";
