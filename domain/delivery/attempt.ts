/**
 * How long a delivery's workflow waits for one attempt at a transaction; then it begins another, and the first
 * must write nothing any more. A statement must end before that.
 */
export const ATTEMPT_MS = 1_400;
