/**
 * A driver's availability: its states with the table of changes, and the one place where a change is decided.
 * docs/behaviour.md#availability; founding ADR-025.
 */
export * from './availabilityChange';
export * from './availabilityStates';
