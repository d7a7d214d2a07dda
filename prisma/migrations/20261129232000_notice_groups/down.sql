-- The way back. Alerts of groups that are open at the pager are to be resolved there by hand.
ALTER TABLE "escalations" DROP COLUMN "in_group";
DROP TABLE "notice_groups";
