import { parseArgs } from 'node:util';
import { countOf, numberOf } from '../../simulator/kit/arguments';
import { deliveriesPerDriverHour } from '../../simulator/demo/demand';

/**
 * `minutes`: how long too few drivers are on duty. `overload`: orders as a multiple of what they can carry.
 * `plenty`: how many drivers are on duty afterwards. `speed`: people ride and wait so many times faster than
 * in life. `timeScale`: divides the service's own durations. `isMatching`: with the feature batch_matching.
 */
export type Options = {
  minutes: number;
  drivers: number;
  overload: number;
  plenty: number;
  speed: number;
  timeScale: number;
  seed: string;
  isMatching: boolean;
};

/** Drivers on duty after the bad minutes, for each driver before. */
const PLENTY_PER_DRIVER = 5;
const MAX_DRIVERS = 1_000;

/** @throws UsageError, or a TypeError of parseArgs; the message names the problem */
export function readOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    strict: true,
    options: {
      minutes: { type: 'string', default: '10' },
      drivers: { type: 'string', default: '50' },
      overload: { type: 'string', default: '3' },
      plenty: { type: 'string' },
      speed: { type: 'string', default: '40' },
      'time-scale': { type: 'string', default: '5' },
      seed: { type: 'string', default: String(Date.now()) },
      matching: { type: 'boolean', default: false },
    },
  });
  const drivers = countOf('--drivers', values.drivers, { min: 1, max: MAX_DRIVERS });
  const plenty = values.plenty ?? String(Math.min(MAX_DRIVERS, PLENTY_PER_DRIVER * drivers));
  return {
    minutes: numberOf('--minutes', values.minutes, { min: 0.05, max: 600 }),
    drivers,
    overload: numberOf('--overload', values.overload, { min: 0.1, max: 100 }),
    plenty: countOf('--plenty', plenty, { min: drivers, max: MAX_DRIVERS }),
    speed: numberOf('--speed', values.speed, { min: 0.1, max: 1_000 }),
    timeScale: numberOf('--time-scale', values['time-scale'], { min: 0.1, max: 1_000 }),
    seed: values.seed,
    isMatching: values.matching,
  };
}

/** The mean pause between two orders, in ms, where these drivers could carry 1 / `share` of them. */
export function orderPauseMs(share: number, { drivers, speed }: Pick<Options, 'drivers' | 'speed'>): number {
  return 3_600_000 / (share * drivers * deliveriesPerDriverHour(speed));
}
