import { describe, expect, test } from '@jest/globals';
import { UsageError } from '../../simulator/kit/arguments';
import { readOptions } from '../../simulator/demo/options';

describe('the options of the demo', () => {
  test('no arguments give an endless city to watch', () => {
    expect(readOptions(['--seed', 's'])).toEqual({
      deliveries: null,
      drivers: 12,
      seed: 's',
      speed: 20,
      everyMs: 4_000,
      exit: false,
      hostile: false,
      demand: 'balanced',
      harms: [],
      harmEveryMs: 5_000,
    });
  });

  test('--deliveries with --exit gives a fast judged run', () => {
    expect(readOptions(['--deliveries', '20', '--exit'])).toMatchObject({
      deliveries: 20,
      drivers: 12,
      speed: 120,
      everyMs: 1_500,
      exit: true,
      hostile: false,
      demand: null,
    });
  });

  test('--hostile gives more drivers', () => {
    expect(readOptions(['--deliveries', '60', '--hostile', '--exit'])).toMatchObject({
      deliveries: 60,
      drivers: 20,
      speed: 120,
      everyMs: 3_000,
      exit: true,
      hostile: true,
    });
    expect(
      readOptions(['--deliveries', '60', '--hostile', '--exit', '--drivers', '30', '--every', '2']),
    ).toMatchObject({ drivers: 30, everyMs: 2_000 });
  });

  test('--rush gives an endless rush', () => {
    expect(readOptions(['--rush'])).toMatchObject({
      deliveries: null,
      demand: 'rush',
      drivers: 12,
      speed: 20,
    });
  });

  test('--every gives a steady pause between orders', () => {
    expect(readOptions(['--every', '4'])).toMatchObject({ deliveries: null, demand: null, everyMs: 4_000 });
  });

  test('--harm gives the harms in turn', () => {
    expect(
      readOptions(['--deliveries', '20', '--exit', '--harm', 'worker,redis', '--harm-every', '2']),
    ).toMatchObject({ harms: ['worker', 'redis'], harmEveryMs: 2_000 });
  });

  test.each<[string, string[], string]>([
    ['an exit without a number', ['--exit'], '--exit needs --deliveries'],
    [
      'a hostile run without an exit',
      ['--hostile', '--deliveries', '60'],
      '--hostile needs --deliveries and --exit',
    ],
    [
      'a hostile run with harms',
      ['--hostile', '--deliveries', '60', '--exit', '--harm', 'api'],
      '--hostile and --harm exclude each other',
    ],
    [
      'a hostile run with too few orders',
      ['--hostile', '--deliveries', '10', '--exit'],
      '--deliveries must be a whole number from 43',
    ],
    ['a rush with a pause', ['--rush', '--every', '2'], '--rush sets the orders itself'],
    ['a rush with a number', ['--rush', '--deliveries', '20', '--exit'], '--rush sets the orders itself'],
    ['harm without a judged run', ['--harm', 'api'], '--harm needs --exit'],
    [
      'an unknown harm',
      ['--deliveries', '9', '--exit', '--harm', 'disk'],
      '--harm must be of worker, api, redis, not "disk"',
    ],
  ])('%s is refused', (_, args, why) => {
    expect(() => readOptions(args)).toThrow(UsageError);
    expect(() => readOptions(args)).toThrow(why);
  });

  test('an unknown argument is refused by name', () => {
    expect(() => readOptions(['--hostil'])).toThrow('--hostil');
  });
});
