import { describe, expect, test } from '@jest/globals';
import { UsageError } from '../../simulator/kit/arguments';
import { readOptions } from '../../simulator/demo/options';

describe('what the demo is asked for', () => {
  test('nothing: a city to look at, without end', () => {
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

  test('so many deliveries, at a speed at which they are soon over', () => {
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

  test('a bad evening, with more drivers', () => {
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

  test('a rush, without end', () => {
    expect(readOptions(['--rush'])).toMatchObject({
      deliveries: null,
      demand: 'rush',
      drivers: 12,
      speed: 20,
    });
  });

  test('a steady pause between orders, whatever the drivers do', () => {
    expect(readOptions(['--every', '4'])).toMatchObject({ deliveries: null, demand: null, everyMs: 4_000 });
  });

  test('harms in turns', () => {
    expect(
      readOptions(['--deliveries', '20', '--exit', '--harm', 'worker,redis', '--harm-every', '2']),
    ).toMatchObject({ harms: ['worker', 'redis'], harmEveryMs: 2_000 });
  });

  test.each<[string, string[], string]>([
    ['an end without a number', ['--exit'], '--exit needs --deliveries'],
    [
      'a bad evening without an end',
      ['--hostile', '--deliveries', '60'],
      '--hostile needs --deliveries and --exit',
    ],
    [
      'a bad evening with other harms',
      ['--hostile', '--deliveries', '60', '--exit', '--harm', 'api'],
      '--hostile and --harm exclude each other',
    ],
    [
      'too short an evening',
      ['--hostile', '--deliveries', '10', '--exit'],
      '--deliveries must be a whole number from 42',
    ],
    ['a rush with a pace', ['--rush', '--every', '2'], '--rush sets the orders itself'],
    ['a rush with a number', ['--rush', '--deliveries', '20', '--exit'], '--rush sets the orders itself'],
    ['harm that nobody judges', ['--harm', 'api'], '--harm needs --exit'],
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
