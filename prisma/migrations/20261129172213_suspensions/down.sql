-- The way back. Nobody is suspended any more; what ops did stands in the audit trail.
DROP TABLE "suspensions";
