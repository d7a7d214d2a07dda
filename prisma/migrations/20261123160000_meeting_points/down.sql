-- The way back. What was agreed stays with the assignments.
DROP TABLE "meeting_points";
