import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { DayError, type DayFiles, parseDay, readDay } from '../../simulator/replay/day';

const FILES: DayFiles = {
  'instance_parameters.txt':
    'meters_per_minute\tpickup service minutes\tdropoff service minutes\ttarget click-to-door\n320\t4\t4\t40\n',
  'restaurants.txt': 'restaurant\tx\ty\nr1\t100\t0\nr2\t5\t-7.5\n',
  'couriers.txt': 'courier\tx\ty\ton_time\toff_time\nc1\t0\t0\t0\t90\n',
  'orders.txt':
    'order\tx\ty\tplacement_time\trestaurant\tready_time\no2\t8\t9\t20\tr2\t30\no1\t7\t6\t10\tr1\t15\n',
};
const withFile = (name: keyof DayFiles, from: string, to: string): DayFiles => ({
  ...FILES,
  [name]: FILES[name].replace(from, to),
});
const problemOf = (files: DayFiles): string => {
  try {
    parseDay(files);
  } catch (error) {
    if (error instanceof DayError) return error.message;
  }
  return 'no problem';
};

describe('a day', () => {
  test('is read completely, with orders sorted by placement', () => {
    const day = parseDay(FILES);
    expect(day.rules).toEqual({ metersPerMinute: 320, pickupServiceMinutes: 4, dropoffServiceMinutes: 4 });
    expect(day.orders.map(({ id }) => id)).toEqual(['o1', 'o2']);
    expect(day.orders[0]).toEqual({
      id: 'o1',
      x: 7,
      y: 6,
      placementMinute: 10,
      restaurantId: 'r1',
      readyMinute: 15,
    });
    expect(day.couriers).toEqual([{ id: 'c1', x: 0, y: 0, onMinute: 0, offMinute: 90 }]);
    expect(day.restaurants.get('r2')).toEqual({ id: 'r2', x: 5, y: -7.5 });
  });

  test('may have Windows line ends, a byte order mark and empty lines', () => {
    const files = { ...FILES, 'orders.txt': `\uFEFF${FILES['orders.txt'].replaceAll('\n', '\r\n')}\r\n` };
    expect(parseDay(files).orders).toHaveLength(2);
  });

  test.each<[string, DayFiles, string]>([
    [
      'a word instead of a number',
      withFile('orders.txt', '7\t6\t10', '7\t6\tten'),
      'orders.txt, line 3: placement_time is "ten"; it must be a number',
    ],
    [
      'a negative time',
      withFile('couriers.txt', '0\t0\t0\t90', '0\t0\t-5\t90'),
      'couriers.txt, line 2: on_time is "-5"; it must be at least 0',
    ],
    [
      'a truncated row',
      withFile('orders.txt', 'o1\t7\t6\t10\tr1\t15', 'o1\t7\t6'),
      'orders.txt, line 3: 3 columns; the header has 6',
    ],
    [
      'a missing column',
      withFile('couriers.txt', 'off_time', 'off'),
      'couriers.txt, line 1: no column "off_time"',
    ],
    [
      'an unknown restaurant',
      withFile('orders.txt', 'r1\t15', 'r9\t15'),
      'orders.txt, line 3: restaurant r9 is not in restaurants.txt',
    ],
    [
      'a ready time before the placement',
      withFile('orders.txt', 'r1\t15', 'r1\t9'),
      'orders.txt, line 3: ready_time 9 is before placement_time 10',
    ],
    [
      'a shift that ends before it begins',
      withFile('couriers.txt', '0\t90', '90\t90'),
      'couriers.txt, line 2: off_time 90 is not after on_time 90',
    ],
    [
      'a duplicate id',
      withFile('restaurants.txt', 'r2', 'r1'),
      'restaurants.txt, line 3: r1 stands here a second time',
    ],
    [
      'an id with a comma',
      withFile('orders.txt', 'o1', 'o1,o3'),
      'orders.txt, line 3: order is "o1,o3"; it must be letters, digits, _ and - only',
    ],
    [
      'two rows of parameters',
      withFile('instance_parameters.txt', '320\t4\t4\t40\n', '320\t4\t4\t40\n320\t4\t4\t40\n'),
      'instance_parameters.txt, line 3: exactly one row of parameters is wanted',
    ],
    [
      'a speed of 0',
      withFile('instance_parameters.txt', '320', '0'),
      'instance_parameters.txt, line 2: meters_per_minute is "0"; it must be at least 1',
    ],
    ['an empty file', { ...FILES, 'orders.txt': '' }, 'orders.txt, line 1: the file is empty'],
    [
      'a header without rows',
      { ...FILES, 'couriers.txt': 'courier\tx\ty\ton_time\toff_time\n' },
      'couriers.txt, line 1: no row below the header',
    ],
  ])('%s: the error names file, line and problem', (_, files, problem) => {
    expect(problemOf(files)).toBe(problem);
  });

  test('the error for a missing file names its folder', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'day-'));
    await writeFile(join(folder, 'instance_parameters.txt'), FILES['instance_parameters.txt']);
    await expect(readDay(folder)).rejects.toThrow(
      `${join(folder, 'restaurants.txt')}: there is no such file`,
    );
  });
});
