-- The way back. A key that is used again gets the first outcome, whatever its body.
DROP TABLE "request_fingerprints";
