-- What clients are told of one key waits for what they are to be told before it: the look for that needs its own way in, or a backlog of
-- some ten thousand makes each taking slower than a statement may be, and the outbox would never empty itself.
CREATE INDEX "outbox_unsent_by_key" ON "outbox" ("key", "id") WHERE "sent_at" IS NULL;
