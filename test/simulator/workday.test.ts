import { describe, expect, test } from '@jest/globals';
import { Workday, type Worker } from '../../simulator/people/workday';

function workdayOf(state: Partial<Pick<Worker, 'isV1' | 'isCarrying' | 'hasToFetch'>> = {}) {
  const asked: string[] = [];
  const agree = (what: string) => async (): Promise<boolean> => {
    asked.push(what);
    return true;
  };
  const worker = {
    isV1: false,
    isCarrying: false,
    hasToFetch: false,
    ...state,
    takeBreak: agree('takeBreak'),
    endBreak: async () => void asked.push('endBreak'),
    goHome: agree('goHome'),
    comeBack: agree('comeBack'),
  };
  return { workday: new Workday(worker), worker, asked };
}

describe('a workday', () => {
  test('requests each break, end and next shift of the roster once', async () => {
    const { workday, asked } = workdayOf();
    for (const duty of ['onDuty', 'onBreak', 'onBreak', 'onDuty', 'offDuty', 'offDuty', 'onDuty'] as const)
      await workday.follow(duty);
    expect(asked).toEqual(['takeBreak', 'endBreak', 'goHome', 'comeBack']);
  });

  test('delays a break until no delivery is in hand', async () => {
    const { workday, worker, asked } = workdayOf({ isCarrying: true });
    await workday.follow('onBreak');
    expect(asked).toEqual([]);
    worker.isCarrying = false;
    await workday.follow('onBreak');
    expect(asked).toEqual(['takeBreak']);
  });

  test('skips a break that ends before the deliveries in hand', async () => {
    const { workday, asked } = workdayOf({ isCarrying: true });
    await workday.follow('onBreak');
    await workday.follow('onDuty');
    expect(asked).toEqual([]);
  });

  test('delays the end of the shift until the pickup; the driver delivers off duty', async () => {
    const { workday, worker, asked } = workdayOf({ isCarrying: true, hasToFetch: true });
    await workday.follow('offDuty');
    expect(asked).toEqual([]);
    worker.hasToFetch = false;
    await workday.follow('offDuty');
    expect(asked).toEqual(['goHome']);
  });

  test('requests no breaks for the v1 app', async () => {
    const { workday, asked } = workdayOf({ isV1: true });
    await workday.follow('onBreak');
    expect(asked).toEqual([]);
  });

  test('retries a request that the service refused', async () => {
    const { workday, worker, asked } = workdayOf();
    worker.goHome = async () => {
      asked.push('refused');
      return false;
    };
    await workday.follow('offDuty');
    await workday.follow('offDuty');
    expect(asked).toEqual(['refused', 'refused']);
  });
});
