-- The way back. Every city is matched by the weights of the release; who chose what stands in the audit trail.
DROP TABLE "shadow_rounds";
DROP TABLE "city_matching";
DROP TABLE "matching_policies";
