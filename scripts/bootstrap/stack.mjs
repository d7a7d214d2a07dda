// The infrastructure of a command: that of `npm start`, or a throwaway one.
import { join } from 'node:path';
import { build } from './build.mjs';
import { startInfrastructure } from './infrastructure.mjs';
import { installPackages, requireNode } from './install.mjs';
import { dataDir } from './paths.mjs';
import { freePorts } from './ports.mjs';
import { keptSecrets, makeSecrets } from './secrets.mjs';
import { readSettings } from './settings.mjs';
import { throwawayDir } from './throwaway.mjs';

export async function prepareProgram(supervisor) {
  requireNode();
  await installPackages(supervisor);
  await build(supervisor);
}

export function startKeptInfrastructure(supervisor) {
  return startInfrastructure(supervisor, {
    settings: readSettings(),
    secrets: keptSecrets(join(dataDir, 'secrets.json')),
    dir: dataDir,
  });
}

/**
 * Uses free ports, so that it runs beside `npm start`. `temporalLimits` has Temporal's own names and values,
 * to lower limits that no run reaches by itself.
 */
export async function startThrowawayInfrastructure(supervisor, { temporalLimits } = {}) {
  const [apiPort, workerHealthPort, postgresPort, redisPort, temporalPort, temporalUiPort] =
    await freePorts(6);
  const settings = {
    ...readSettings(),
    apiPort,
    workerHealthPort,
    postgresPort,
    redisPort,
    temporalPort,
    temporalUiPort,
  };
  return startInfrastructure(supervisor, {
    settings,
    secrets: makeSecrets(),
    dir: throwawayDir(supervisor),
    isThrowaway: true,
    temporalLimits,
  });
}
