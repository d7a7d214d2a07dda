import { parseArgs } from 'node:util';
import { countOf, UsageError, numberOf } from '../kit/arguments';
import type { Demand } from './demand';
import type { DemoOptions } from './run';
import { type Harm, HARMS } from '../../reliability/hostile/harm';
import { FAR_ORDERS } from '../../reliability/hostile/settings';

/** The command-line options of the demo. */
export type Options = DemoOptions & {
  /** The demand of an endless city. null: orders come at `everyMs`. */
  demand: Demand | null;
  exit: boolean;
  harms: readonly Harm[];
  harmEveryMs: number;
  hostile: boolean;
};

const ARGUMENTS = {
  deliveries: { type: 'string' },
  exit: { type: 'boolean', default: false },
  drivers: { type: 'string' },
  seed: { type: 'string' },
  speed: { type: 'string' },
  every: { type: 'string' },
  harm: { type: 'string' },
  'harm-every': { type: 'string', default: '5' },
  hostile: { type: 'boolean', default: false },
  rush: { type: 'boolean', default: false },
} as const;

/**
 * Defaults of an endless city to watch, a short judged run and a hostile run. A hostile run needs more
 * drivers because some vanish.
 */
const DEFAULTS = {
  endless: { drivers: '12', speed: '20', every: '4' },
  judged: { drivers: '12', speed: '120', every: '1.5' },
  hostile: { drivers: '20', speed: '120', every: '3' },
} as const;

/** The fewest orders of a hostile run. Every kill switch needs orders to act on. */
const HOSTILE_ORDERS = 40;

/** @throws UsageError, or a TypeError of parseArgs; the message names the problem */
export function readOptions(args: string[]): Options {
  const { values } = parseArgs({ args, strict: true, options: ARGUMENTS });
  if (values.exit && values.deliveries === undefined)
    throw new UsageError('--exit needs --deliveries: otherwise the run never ends');
  if (values.harm !== undefined && !values.exit)
    throw new UsageError('--harm needs --exit: only a judged run has harms');
  if (values.hostile && !values.exit)
    throw new UsageError('--hostile needs --deliveries and --exit: only a judged run is hostile');
  if (values.hostile && values.harm !== undefined)
    throw new UsageError('--hostile and --harm exclude each other');
  if (values.rush && (values.deliveries !== undefined || values.every !== undefined))
    throw new UsageError('--rush sets the orders itself: use it without --deliveries and --every');
  const otherwise =
    DEFAULTS[values.hostile ? 'hostile' : values.deliveries === undefined ? 'endless' : 'judged'];
  const fewest = values.hostile ? HOSTILE_ORDERS + FAR_ORDERS : 1;
  const seconds = { min: 0.01, max: 3_600 };
  return {
    deliveries:
      values.deliveries === undefined
        ? null
        : countOf('--deliveries', values.deliveries, { min: fewest, max: 100_000 }),
    exit: values.exit,
    hostile: values.hostile,
    demand: demandOf(values),
    seed: values.seed ?? String(Date.now()),
    harms: harmsOf(values.harm),
    drivers: countOf('--drivers', values.drivers ?? otherwise.drivers, { min: 1, max: 1_000 }),
    speed: numberOf('--speed', values.speed ?? otherwise.speed, { min: 0.1, max: 1_000 }),
    everyMs: numberOf('--every', values.every ?? otherwise.every, seconds) * 1_000,
    harmEveryMs: numberOf('--harm-every', values['harm-every'], seconds) * 1_000,
  };
}

/** `--deliveries` and `--every` set the plan themselves, so there is no demand. */
function demandOf({
  rush,
  deliveries,
  every,
}: {
  rush: boolean;
  deliveries?: string;
  every?: string;
}): Demand | null {
  if (rush) return 'rush';
  return deliveries === undefined && every === undefined ? 'balanced' : null;
}

function harmsOf(text: string | undefined): Harm[] {
  return (text?.split(',') ?? []).map((name) => {
    const harm = HARMS.find((each) => each === name);
    if (!harm) throw new UsageError(`--harm must be of ${HARMS.join(', ')}, not ${JSON.stringify(name)}`);
    return harm;
  });
}
