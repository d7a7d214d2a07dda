import { v7 as newCorrelationId } from 'uuid';
import { type Watch, type WatchedDriver } from '../../domain/driver/lossWatch';
import { type OverdueStage, type StageLimits, watchStages } from '../../domain/driver/stageWatch';
import { type Database } from '../../adapters/postgres/database';
import { writeStages } from '../../adapters/postgres/stageRows';
import { type OverdueStages } from '../../services/overdueStages';
import { stagesOverdue } from './lossMetrics';

export type StageSweepDeps = {
  db: Database;
  stages: StageLimits;
  overdueStages: OverdueStages;
};

/** A page of the sweep of lost drivers: plans the stages that began. @returns those that take too long */
export async function planStages(
  { db, stages }: Pick<StageSweepDeps, 'db' | 'stages'>,
  drivers: readonly WatchedDriver[],
  watch: Watch,
): Promise<OverdueStage[]> {
  const found = drivers.map((driver) => watchStages(driver, { ...watch, stages }));
  await writeStages(
    db,
    found.flatMap(({ planned }) => planned),
  );
  return found.flatMap(({ overdue }) => overdue);
}

/** @returns how many drivers were reminded, and how many cases were opened */
export async function tellOverdue(
  { overdueStages }: Pick<StageSweepDeps, 'overdueStages'>,
  overdue: readonly OverdueStage[],
): Promise<{ reminded: number; overdue: number }> {
  const told = { driver: 0, ops: 0 };
  for (const stage of overdue) {
    if (!(await overdueStages.tell(stage, newCorrelationId()))) continue;
    told[stage.tell]++;
    stagesOverdue.inc({ stage: stage.stage, told: stage.tell });
  }
  return { reminded: told.driver, overdue: told.ops };
}
