/**
 * A driver's availability (spec 3, ADR-025): the states and their table, and the one place where a change is
 * decided.
 */
export * from './availabilityChange';
export * from './availabilityStates';
