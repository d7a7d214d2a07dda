/**
 * Ids that the service makes are not known when requests are drawn, and other ones in each run. So requests name them by number, in the form of an id, and the number
 * is replaced when a request is sent: the same seed sends the same, whatever the ids are by then.
 */

export const KNOWN_IDS = 60;
const PREFIX = 'f0221000-0000-4000-8000-0000000000';
const NUMBERED = new RegExp(`${PREFIX}(\\d\\d)`, 'g');

/** Stands for the known id of this number, 0 to KNOWN_IDS - 1. */
export function idNumber(number: number): string {
  return `${PREFIX}${String(number).padStart(2, '0')}`;
}

/** Stands for the last cursor that a list gave. */
export const CURSOR = 'fuzz-cursor';

/** The text as it is sent. A number that no id has by now stays: an id that does not exist. */
export function withIds(text: string, { ids, cursor }: { ids: readonly string[]; cursor: string }): string {
  return text.replaceAll(NUMBERED, (whole, number: string) => ids[Number(number)] ?? whole).replaceAll(CURSOR, () => cursor);
}
