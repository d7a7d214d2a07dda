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

describe('a day by the roster', () => {
  test('has breaks, an end and a next shift, each asked for once', async () => {
    const { workday, asked } = workdayOf();
    for (const duty of ['onDuty', 'onBreak', 'onBreak', 'onDuty', 'offDuty', 'offDuty', 'onDuty'] as const)
      await workday.follow(duty);
    expect(asked).toEqual(['takeBreak', 'endBreak', 'goHome', 'comeBack']);
  });

  test('a break waits until the hands are empty', async () => {
    const { workday, worker, asked } = workdayOf({ isCarrying: true });
    await workday.follow('onBreak');
    expect(asked).toEqual([]);
    worker.isCarrying = false;
    await workday.follow('onBreak');
    expect(asked).toEqual(['takeBreak']);
  });

  test('a break that is over before the hands are empty is left out', async () => {
    const { workday, asked } = workdayOf({ isCarrying: true });
    await workday.follow('onBreak');
    await workday.follow('onDuty');
    expect(asked).toEqual([]);
  });

  test('nobody goes home before the goods are fetched; then the rest of the way is finished off duty', async () => {
    const { workday, worker, asked } = workdayOf({ isCarrying: true, hasToFetch: true });
    await workday.follow('offDuty');
    expect(asked).toEqual([]);
    worker.hasToFetch = false;
    await workday.follow('offDuty');
    expect(asked).toEqual(['goHome']);
  });

  test('an app of v1 knows no breaks', async () => {
    const { workday, asked } = workdayOf({ isV1: true });
    await workday.follow('onBreak');
    expect(asked).toEqual([]);
  });

  test('what the service refuses is asked for again', async () => {
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
