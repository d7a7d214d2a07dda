/** Checks docs/recipes/add-a-command.md: a command is added in the map alone. */
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { pino } from 'pino';
import { v7 as newId } from 'uuid';
import { createDispatcher } from '../../adapters/temporal/dispatcher';
import { type CommandSender, createCommandSender } from '../../api/commands/commandSender';
import { createWorkflowUpdates } from '../../api/commands/workflowUpdates';
import { answerFromRow } from '../../services/deliveries/deliveryEvents';
import { MERCHANT } from '../support/dispatchWorld';
import { createTemporalWorld, type TemporalWorld } from '../support/temporalWorld';
import { callOff } from './added/callOff';

let world: TemporalWorld;
let commands: CommandSender;
beforeAll(async () => {
  const workflowBundle = await bundleWorkflowCode({
    workflowsPath: join(__dirname, 'added/workflows.ts'),
    logger: new DefaultLogger('ERROR'),
  });
  world = await createTemporalWorld({ workflows: { workflowBundle } });
  const { store, limits, features, clock } = world.deps;
  commands = createCommandSender({
    updates: createWorkflowUpdates(world.client),
    timeoutMs: 8_000,
    log: pino({ level: 'silent' }),
    startDelivery: createDispatcher(world.client, world.db).startDelivery,
    answerFromRow: (deliveryId, event) =>
      answerFromRow({ store, limits, features, clock, newId }, deliveryId, event),
  });
}, 120_000);
afterEach(() => world.endAll());
afterAll(() => world.close());

test('a command added to a copy of the map reaches the worker and returns its result', async () => {
  const sellerOrderId = newId();
  const { deliveryId, handle } = await world.dispatch({
    sellerOrderId,
    searchAt: new Date(Date.now() + 3_600_000),
  });
  const payload = { by: { kind: 'customer', id: 'kim' }, correlationId: 'test' } as const;
  const send = () =>
    commands.send({
      delivery: { deliveryId, merchantId: MERCHANT, sellerOrderId },
      command: callOff,
      payload,
      updateId: callOff.updateId(payload, { deliveryId, scope: newId(), hasKey: false }),
    });

  const answer = await send();

  expect(answer).toMatchObject({ outcome: 'moved', status: 'CANCELLED' });
  expect(await send()).toEqual(answer);
  expect(await world.db.delivery.findUniqueOrThrow({ where: { id: deliveryId } })).toMatchObject({
    status: 'CANCELLED',
    reasonCode: 'CUSTOMER_CANCELLED',
  });
  const { events } = await handle.fetchHistory();
  expect(
    events?.flatMap(
      ({ workflowExecutionUpdateAcceptedEventAttributes: accepted }) =>
        accepted?.acceptedRequest?.input?.name ?? [],
    ),
  ).toEqual(['callOff']);
});
