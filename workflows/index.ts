/** What the worker runs: the entry of the workflow bundle. */
export { cityDispatch } from './cityDispatch';
export { delivery } from './delivery';
export { auditSweep } from './sweeps/audit';
export { erasureSweep } from './sweeps/erasures';
export { escalationSweep } from './sweeps/escalation';
export { lostDriversSweep } from './sweeps/lostDrivers';
export { matchingNetSweep } from './sweeps/matchingNet';
export { openRowsSweep } from './sweeps/openRows';
export { presenceSweep } from './sweeps/presence';
export { upkeepSweep } from './sweeps/upkeep';
export { windowsSweep } from './sweeps/windows';
export { zoneHealthSweep } from './sweeps/zoneHealth';
export { timedAvailability } from './timedAvailability';
