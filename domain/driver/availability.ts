/**
 * A driver's availability: its states with the table of changes, and the function that decides each change.
 * docs/behaviour.md#availability; founding ADR-025.
 */
export * from './availabilityChange';
export * from './availabilityStates';
