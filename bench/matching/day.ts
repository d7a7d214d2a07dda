import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { basename, resolve } from 'node:path';
import { type Day, DayError, readDay } from '../../simulator/replay/day';

/** What a day pays, and by when a customer should have their order, as in mdrp.py. */
export type DayTerms = {
  targetMinutes: number;
  worstMinutes: number;
  payOrder: number;
  payHour: number;
};

/** A day that can be judged. */
export type PaidDay = Day & { name: string; terms: DayTerms };

const PARAMETERS = 'instance_parameters.txt';

/**
 * Reads a day's folder.
 * @throws DayError
 */
export async function readPaidDay(folder: string): Promise<PaidDay> {
  const day = await readDay(folder);
  const [names = [], cells = []] = (await readFile(join(folder, PARAMETERS), 'utf8'))
    .split(/\r?\n/)
    .map((line) => line.split('\t').map((cell) => cell.trim()));
  const number = (name: string): number => {
    const value = Number(cells[names.indexOf(name)]);
    if (!Number.isFinite(value)) throw new DayError(PARAMETERS, 2, `no number ${JSON.stringify(name)}`);
    return value;
  };
  return {
    ...day,
    name: basename(resolve(folder)),
    terms: {
      targetMinutes: number('target click-to-door'),
      worstMinutes: number('maximum click-to-door'),
      payOrder: number('pay per order'),
      payHour: number('guaranteed pay per hour'),
    },
  };
}
