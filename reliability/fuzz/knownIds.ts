/**
 * Ids that the service makes are not known when requests are drawn, and other ones in each run. So requests
 * name them by number, in the form of an id, and the number is replaced when a request is sent: the same seed
 * sends the same, whatever the ids are by then.
 */

/** How many there are of each kind, in the order of their numbers. */
export const ID_PLACES = { drivers: 6, offers: 8, deliveries: 14, escalations: 4 } as const;
export type IdKind = keyof typeof ID_PLACES;

const PREFIX = 'f0221000-0000-4000-8000-0000000000';
const NUMBERED = new RegExp(`${PREFIX}(\\d\\d)`, 'g');

/** Stands for the known id of this number. */
export function idNumber(number: number): string {
  return `${PREFIX}${String(number).padStart(2, '0')}`;
}

/** What stands for the ids of one kind, or of all. */
export function idNumbers(kind?: IdKind): string[] {
  const kinds: readonly IdKind[] = ['drivers', 'offers', 'deliveries', 'escalations'];
  let first = 0;
  return kinds.flatMap((each) => {
    const numbers = Array.from({ length: ID_PLACES[each] }, (_, at) => idNumber(first + at));
    first += ID_PLACES[each];
    return kind === undefined || kind === each ? numbers : [];
  });
}

export function isIdKind(text: string): text is IdKind {
  return text in ID_PLACES;
}

/** Stands for the last cursor that a list gave. */
export const CURSOR = 'fuzz-cursor';

/** The text as it is sent. A number that no id has by now stays: an id that does not exist. */
export function withIds(text: string, { ids, cursor }: { ids: readonly string[]; cursor: string }): string {
  return text
    .replaceAll(NUMBERED, (whole, number: string) => ids[Number(number)] ?? whole)
    .replaceAll(CURSOR, () => cursor);
}
