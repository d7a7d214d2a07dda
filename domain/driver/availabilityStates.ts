import type { LossReason } from './loss';

/**
 * A driver's states: AVAILABLE, BUSY and OFFLINE as in v1, the others since v2. BUSY means that the driver
 * has work; only the system sets it. docs/behaviour.md#availability; founding ADR-025.
 */
export type Availability = 'AVAILABLE' | 'BUSY' | 'OFFLINE' | 'ON_BREAK' | 'PAUSED' | 'SHIFT_ENDED';

/** All states. */
export const AVAILABILITIES: readonly Availability[] = [
  'AVAILABLE',
  'BUSY',
  'OFFLINE',
  'ON_BREAK',
  'PAUSED',
  'SHIFT_ENDED',
];

/** The states that can end by themselves, at `availabilityUntil`. */
export type TimedState = 'ON_BREAK' | 'PAUSED';

/**
 * What was requested during work and begins when the work ends. Until then it bars new jobs. `minutes` count
 * from its beginning.
 */
export type PendingAvailability =
  | { kind: 'BREAK'; minutes: number; reason: string | null }
  | { kind: 'PAUSE'; minutes: number | null; reason: string | null }
  | { kind: 'SHIFT_END' }
  /** `reason`: the driver was lost, and did nothing since; absent = they asked for it. */
  | { kind: 'OFFLINE'; reason?: LossReason };

/** The part of a driver's row that availability depends on. Instants are epoch ms. */
export type DriverFacts = {
  driverId: string;
  cityId: string;
  availability: Availability;
  /** When the timed state ends; null = not timed. */
  availabilityUntil: number | null;
  /** The driver's reason for the break or pause; of an OFFLINE driver who was lost, why. */
  availabilityReason: string | null;
  pending: PendingAvailability | null;
  /** The most live offers and active assignments together; 1 at first. */
  capacity: number;
  liveOffers: number;
  activeAssignments: number;
  /** 1 = they may have one more than their capacity: the next job of a driver who is about to finish. ADR 58. */
  nextSlots: number;
  /** What the driver's app understands; null or 1 = v1. */
  offerVersion: number | null;
  /**
   * The planned end of the shift; null = open. It excludes jobs with a later pickup, but does not end the
   * shift itself.
   */
  shiftEndsAt: number | null;
  lastFixAt: number | null;
  /** How many offers that reached the app lapsed since the driver last answered one. */
  lapsesInRow: number;
};

/** Limits of availability; minutes and ms. */
export type AvailabilityLimits = {
  breakMinMinutes: number;
  breakMaxMinutes: number;
  pauseMaxMinutes: number;
  /** A position older than this is not fresh: off the map. */
  freshPositionMs: number;
  /** An AVAILABLE driver silent this long goes OFFLINE. */
  silentMs: number;
};

/**
 * Breaks of 5 to 120 minutes, pauses of up to 8 hours; fresh for 60 s, OFFLINE after 10 minutes of silence.
 */
export const AVAILABILITY_LIMITS: AvailabilityLimits = {
  breakMinMinutes: 5,
  breakMaxMinutes: 120,
  pauseMaxMinutes: 480,
  freshPositionMs: 60_000,
  silentMs: 600_000,
};

/** Who may cause a change. */
export type AvailabilityActor = 'driver' | 'ops' | 'system';

/** One legal change of state: the actors that may cause it, and its cause in a dispatcher's words. */
export type AvailabilityTransition = {
  from: Availability;
  to: Availability;
  by: readonly AvailabilityActor[];
  why: string;
};

/** Every legal change between two states. docs/state-machine.md shows the same table. */
export const AVAILABILITY_TRANSITIONS: readonly AvailabilityTransition[] = [
  { from: 'OFFLINE', to: 'AVAILABLE', by: ['driver', 'ops'], why: 'starts the shift, or comes back' },
  {
    from: 'OFFLINE',
    to: 'BUSY',
    by: ['driver', 'ops'],
    why: 'comes back before the work it left was taken away',
  },
  { from: 'OFFLINE', to: 'SHIFT_ENDED', by: ['driver', 'ops'], why: 'ends the shift' },
  { from: 'AVAILABLE', to: 'BUSY', by: ['system', 'ops'], why: 'gets work' },
  { from: 'AVAILABLE', to: 'ON_BREAK', by: ['driver', 'ops'], why: 'takes a break' },
  {
    from: 'AVAILABLE',
    to: 'PAUSED',
    by: ['driver', 'ops', 'system'],
    why: 'pauses, or let too many offers lapse',
  },
  { from: 'AVAILABLE', to: 'SHIFT_ENDED', by: ['driver', 'ops'], why: 'ends the shift' },
  {
    from: 'AVAILABLE',
    to: 'OFFLINE',
    by: ['driver', 'ops', 'system'],
    why: 'goes offline, or is silent for too long',
  },
  { from: 'BUSY', to: 'AVAILABLE', by: ['system'], why: 'the work ends' },
  { from: 'BUSY', to: 'ON_BREAK', by: ['system'], why: 'the work ends and the break asked for begins' },
  { from: 'BUSY', to: 'PAUSED', by: ['system'], why: 'the work ends and the pause asked for begins' },
  {
    from: 'BUSY',
    to: 'SHIFT_ENDED',
    by: ['driver', 'ops', 'system'],
    why: 'ends the shift before pickup and loses the work, or had asked to and the work ends',
  },
  {
    from: 'BUSY',
    to: 'OFFLINE',
    by: ['driver', 'ops', 'system'],
    why: 'goes offline before pickup and loses the work, or had asked to, or is silent or lost, and the work ends',
  },
  {
    from: 'ON_BREAK',
    to: 'AVAILABLE',
    by: ['driver', 'ops', 'system'],
    why: 'ends the break, or its time is up',
  },
  {
    from: 'ON_BREAK',
    to: 'BUSY',
    by: ['ops', 'system'],
    why: 'gets work by hand with override, or its time is up with work still in hand',
  },
  { from: 'ON_BREAK', to: 'PAUSED', by: ['driver', 'ops'], why: 'pauses' },
  { from: 'ON_BREAK', to: 'SHIFT_ENDED', by: ['driver', 'ops'], why: 'ends the shift' },
  {
    from: 'ON_BREAK',
    to: 'OFFLINE',
    by: ['driver', 'ops', 'system'],
    why: 'goes offline, or its time is up without a fresh position, or the states are switched off',
  },
  { from: 'PAUSED', to: 'AVAILABLE', by: ['driver', 'ops', 'system'], why: 'resumes, or its time is up' },
  {
    from: 'PAUSED',
    to: 'BUSY',
    by: ['ops', 'system'],
    why: 'gets work by hand with override, or its time is up with work still in hand',
  },
  { from: 'PAUSED', to: 'ON_BREAK', by: ['driver', 'ops'], why: 'takes a break' },
  { from: 'PAUSED', to: 'SHIFT_ENDED', by: ['driver', 'ops'], why: 'ends the shift' },
  {
    from: 'PAUSED',
    to: 'OFFLINE',
    by: ['driver', 'ops', 'system'],
    why: 'goes offline, or its time is up without a fresh position, or the states are switched off',
  },
  { from: 'SHIFT_ENDED', to: 'AVAILABLE', by: ['driver', 'ops'], why: 'starts a shift' },
  {
    from: 'SHIFT_ENDED',
    to: 'BUSY',
    by: ['driver', 'ops'],
    why: 'starts a shift before the work it left was taken away',
  },
  {
    from: 'SHIFT_ENDED',
    to: 'OFFLINE',
    by: ['driver', 'ops', 'system'],
    why: 'goes offline, or the states are switched off',
  },
];

const legal = new Set(AVAILABILITY_TRANSITIONS.map(({ from, to }) => `${from}>${to}`));

/** Whether a driver may change from one state to another. */
export function canChange(from: Availability, to: Availability): boolean {
  return legal.has(`${from}>${to}`);
}

/** States that the table does not reach from OFFLINE: none, or the table is wrong. */
export function unreachableAvailabilities(): Availability[] {
  const reached = new Set<Availability>(['OFFLINE']);
  for (const state of reached) {
    for (const { from, to } of AVAILABILITY_TRANSITIONS) if (from === state) reached.add(to);
  }
  return AVAILABILITIES.filter((state) => !reached.has(state));
}

/** A state as v1 clients see it: the states of v2 show as OFFLINE. docs/behaviour.md#availability. */
export function v1Availability(availability: Availability): 'AVAILABLE' | 'BUSY' | 'OFFLINE' {
  switch (availability) {
    case 'AVAILABLE':
    case 'BUSY':
    case 'OFFLINE':
      return availability;
    case 'ON_BREAK':
    case 'PAUSED':
    case 'SHIFT_ENDED':
      return 'OFFLINE';
  }
}

/** Whether a position is new enough for the live map: at most `freshPositionMs` old at `now` (epoch ms). */
export function isFresh(
  lastFixAt: number | null,
  limits: Pick<AvailabilityLimits, 'freshPositionMs'>,
  now: number,
): boolean {
  return lastFixAt !== null && now - lastFixAt <= limits.freshPositionMs;
}

/** Whether a driver can get another job: on duty, nothing pending, room left. docs/behaviour.md#offers. */
export function takesWork(driver: DriverFacts): boolean {
  const onDuty = driver.availability === 'AVAILABLE' || driver.availability === 'BUSY';
  return onDuty && driver.pending === null && driver.liveOffers + driver.activeAssignments < driver.capacity;
}

/** Whether a driver can get a next job while their capacity is full: on duty, nothing pending, and none yet. */
export function takesNextJob(driver: DriverFacts): boolean {
  const { availability, pending, liveOffers, activeAssignments, capacity, nextSlots } = driver;
  if (availability !== 'BUSY' || pending !== null || liveOffers > 0) return false;
  return activeAssignments === capacity && nextSlots === 0;
}
