import { Balance } from './balance';
import { DEMO_CITY } from './city';
import type { Demand } from './demand';
import { Demo } from './demo';
import { type CitySetUp, type DemoOptions, orderPlanOf, PROGRESS_EVERY_MS, setUpDemo } from './run';
import type { SimulatorSettings } from '../kit/environment';
import { pause } from '../kit/pause';
import { DEMO_ODDS } from '../people/driver';
import { rosterOf } from '../people/roster';

/** `demand`: drivers work by a roster, and orders follow the drivers. null: orders come at `everyMs`. */
export type PlayOptions = DemoOptions & { demand: Demand | null };

type Log = (line: string) => void;

const FORGET_EVERY_MS = 10 * 60_000;
/** With a roster, drivers take breaks only when the roster says so. */
const ROSTER_ODDS = { ...DEMO_ODDS, breakAfterJob: 0 };

/** Plays until the signal. The next start continues the deliveries in hand. */
export async function playDemo(
  settings: SimulatorSettings,
  options: PlayOptions,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  const { demand } = options;
  const city = await setUpDemo(settings, options, log, signal, demand === null ? {} : { odds: ROSTER_ODDS });
  const balance = demand === null ? undefined : await balanceOf(city, { ...options, demand }, log);
  const demo = new Demo({ ...city, log }, orderPlanOf(options, balance?.everyMs));
  const drivers = demo.startDrivers(signal);
  const balanced = balance && Promise.all([balance.followRoster(signal), balance.watchBacklog(signal)]);
  void logProgress(demo, balance, log, signal);
  void demo.keepDroppingHistory(FORGET_EVERY_MS, signal);
  await keepOrdering(demo, log, signal);
  await Promise.all([drivers, balanced]);
}

async function balanceOf(
  { world: { drivers }, connections, random }: CitySetUp,
  { demand, speed }: PlayOptions & { demand: Demand },
  log: Log,
): Promise<Balance> {
  const roster = rosterOf({
    drivers: drivers.length,
    random: random.stream('roster'),
    takesBreaks: (number) => drivers[number]?.isV1 === false,
  });
  const support = await connections.support('demo-balance');
  return new Balance({ demand, speed, cityId: DEMO_CITY.cityId, roster, drivers, support, log });
}

async function logProgress(
  demo: Demo,
  balance: Balance | undefined,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  while (await pause(PROGRESS_EVERY_MS, signal))
    log(balance ? `${balance.progress()}; ${demo.progress()}` : demo.progress());
}

/** Orders resume after a long outage of the service, too. */
async function keepOrdering(demo: Demo, log: Log, signal: AbortSignal): Promise<void> {
  const failed = async (error: unknown): Promise<boolean> => {
    if (!signal.aborted) log(`an order could not be placed: ${String(error)}`);
    return pause(PROGRESS_EVERY_MS, signal);
  };
  while (await demo.orders.run(signal).then(() => false, failed));
}
