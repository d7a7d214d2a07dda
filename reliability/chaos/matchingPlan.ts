import { dealer, type Random } from '../../simulator/kit/random';

/** How a seed runs the matching of its city: by turns off, for half of the deliveries, and for all. */
const PERCENTS = [0, 50, 100] as const;

/** @param random drawn from the seed */
export function drawnMatchingPercent(random: Random): number {
  return random.pick(PERCENTS);
}

/** The ends of the workflow that matches the city. */
const ENDS = ['terminate', 'cancel', 'delete'] as const;
export type OwnerEnd = (typeof ENDS)[number];

/** Faults of the matching of a city (ADR 52). Times in ms. */
export type MatchingFault =
  /** The workflow that matches the city ends while deliveries wait; `delete`: with its history. */
  | { kind: 'loseOwner'; by: OwnerEnd }
  /** Rounds begin and never answer: workers are never handed them. */
  | { kind: 'hangRounds'; forMs: number }
  /** The worker that is handed the next round is frozen. */
  | { kind: 'freezeRound'; forMs: number }
  /** The city's row is locked, so that no round can be noted. */
  | { kind: 'lockCity'; forMs: number }
  /** Ops set another percent, 0 = off, and then the old one again. */
  | { kind: 'setMatching'; percent: number; backTo: number; forMs: number };

/** How long a fault waits for an owner to end, or for a round to freeze. */
export const LOOKED_FOR_MS = 6_000;
const FIRST_AT_MS = 10_000;
const GAP_MS = { min: 12_000, max: 25_000 };
/** Longer than a round may take, and than the wait after one that failed. */
const HANG_MS = { min: 12_000, max: 25_000 };
const FREEZE_MS = { min: 4_000, max: 14_000 };
const LOCK_MS = { min: 4_000, max: 15_000 };
const SET_MS = { min: 5_000, max: 20_000 };

const DECK = [
  'loseOwner',
  'loseOwner',
  'loseOwner',
  'hangRounds',
  'freezeRound',
  'freezeRound',
  'lockCity',
  'switchOff',
  'setPercent',
] as const;

/** Faults of the city's matching, one after another; none where it is off. */
export function matchingFaultsOf(
  random: Random,
  endMs: number,
  percent: number,
): { atMs: number; fault: MatchingFault }[] {
  if (percent === 0) return [];
  const whole = ({ min, max }: { min: number; max: number }): number => Math.round(random.between(min, max));
  const deal = dealer(DECK, random.stream('kinds'));
  const dealEnd = dealer(ENDS, random.stream('ends'));
  const planned: { atMs: number; fault: MatchingFault }[] = [];
  for (let atMs = FIRST_AT_MS; ; atMs += whole(GAP_MS)) {
    const fault = faultOf(deal());
    if (atMs + lengthOfMatchingFault(fault) > endMs) return planned;
    planned.push({ atMs, fault });
  }

  function faultOf(card: (typeof DECK)[number]): MatchingFault {
    switch (card) {
      case 'loseOwner':
        return { kind: 'loseOwner', by: dealEnd() };
      case 'hangRounds':
        return { kind: 'hangRounds', forMs: whole(HANG_MS) };
      case 'freezeRound':
        return { kind: 'freezeRound', forMs: whole(FREEZE_MS) };
      case 'lockCity':
        return { kind: 'lockCity', forMs: whole(LOCK_MS) };
      case 'switchOff':
        return { kind: 'setMatching', percent: 0, backTo: percent, forMs: whole(SET_MS) };
      case 'setPercent':
        return {
          kind: 'setMatching',
          percent: percent === 100 ? 50 : 100,
          backTo: percent,
          forMs: whole(SET_MS),
        };
    }
  }
}

/** How long a fault lasts at most, in ms. */
export function lengthOfMatchingFault(fault: MatchingFault): number {
  switch (fault.kind) {
    case 'loseOwner':
      return LOOKED_FOR_MS;
    case 'freezeRound':
      return LOOKED_FOR_MS + fault.forMs;
    case 'hangRounds':
    case 'lockCity':
    case 'setMatching':
      return fault.forMs;
  }
}

export function nameOfMatchingFault(fault: MatchingFault): string {
  switch (fault.kind) {
    case 'loseOwner':
      return `${fault.by} owner`;
    case 'hangRounds':
      return 'hang rounds';
    case 'freezeRound':
      return 'freeze in a round';
    case 'lockCity':
      return 'lock the city';
    case 'setMatching':
      return fault.percent === 0 ? 'switch matching off' : 'set matching';
  }
}

/** What the fault occupies. */
export function touchedByMatchingFault(fault: MatchingFault): string[] {
  switch (fault.kind) {
    case 'loseOwner':
      return ['owner'];
    case 'freezeRound':
      return ['rounds', 'worker-1', 'worker-2'];
    case 'hangRounds':
      return ['rounds'];
    case 'lockCity':
      return ['city'];
    case 'setMatching':
      return ['matching'];
  }
}
