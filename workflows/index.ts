/** What the worker runs: the entry of the workflow bundle. */
export { delivery } from './delivery';
export { openRowsSweep } from './sweeps/openRows';
export { presenceSweep } from './sweeps/presence';
export { upkeepSweep } from './sweeps/upkeep';
export { timedAvailability } from './timedAvailability';
