// The search attributes by which the Temporal UI and the sweeps find deliveries. A workflow fails if it sets
// an attribute that the server does not know.
import { createRequire } from 'node:module';
import { SetupError } from './log.mjs';
import { waitUntil } from './waiting.mjs';

/**
 * Names to types, as in Temporal's command line. workflows/contract has the same list, and a test compares
 * them.
 */
export const SEARCH_ATTRIBUTES = {
  DeliveryStatus: 'Keyword',
  City: 'Keyword',
  Zone: 'Keyword',
  MerchantId: 'Keyword',
  DriverId: 'Keyword',
  EscalationLevel: 'Int',
  OfferExpiresAt: 'Datetime',
};

// temporal.api.enums.v1.IndexedValueType
const TYPE_CODES = { Keyword: 2, Int: 3, Datetime: 6 };
const KNOWN_TIMEOUT_MS = 60_000;
// The retention of closed workflow histories.
const RETENTION_SECONDS = 7 * 24 * 60 * 60;
// The gRPC status code.
const ALREADY_EXISTS = 6;

/**
 * Registers the attributes that the cluster lacks, and waits until it knows them all. `env` has Temporal's
 * own environment variables.
 */
export async function registerSearchAttributes(env) {
  const { connection, namespace } = await connectTemporal(env);
  try {
    const listKnown = async () =>
      (await connection.operatorService.listSearchAttributes({ namespace })).customAttributes ?? {};
    const missingFrom = (known) => Object.keys(SEARCH_ATTRIBUTES).filter((name) => !(name in known));
    const known = await waitUntil(listKnown, { timeoutMs: KNOWN_TIMEOUT_MS, intervalMs: 200 });
    refuseOtherTypes(known);
    const missing = missingFrom(known);
    if (missing.length === 0) return;
    await connection.operatorService.addSearchAttributes({
      namespace,
      searchAttributes: Object.fromEntries(
        missing.map((name) => [name, TYPE_CODES[SEARCH_ATTRIBUTES[name]]]),
      ),
    });
    await waitUntil(
      async () => {
        const stillMissing = missingFrom(await listKnown());
        if (stillMissing.length > 0)
          throw new Error(`search attributes not available yet: ${stillMissing.join(', ')}`);
      },
      { timeoutMs: KNOWN_TIMEOUT_MS, intervalMs: 500 },
    );
  } catch (error) {
    if (error instanceof SetupError) throw error;
    throw new SetupError(
      `Search attributes could not be registered in Temporal: ${error.details || error.message}`,
      `Register them in namespace ${namespace} by hand: ` +
        Object.entries(SEARCH_ATTRIBUTES)
          .map(([name, type]) => `${name}=${type}`)
          .join(' '),
    );
  } finally {
    await connection.close();
  }
}

/** Creates the namespace if it is missing. Temporal Cloud and the dev server have theirs. */
export async function registerNamespace(env) {
  const { connection, namespace } = await connectTemporal(env);
  try {
    await connection.workflowService.registerNamespace({
      namespace,
      workflowExecutionRetentionPeriod: { seconds: RETENTION_SECONDS },
    });
  } catch (error) {
    if (error.code !== ALREADY_EXISTS) throw error;
  } finally {
    await connection.close();
  }
}

function refuseOtherTypes(known) {
  const wrong = Object.entries(SEARCH_ATTRIBUTES).filter(
    ([name, type]) => name in known && known[name] !== TYPE_CODES[type],
  );
  if (wrong.length === 0) return;
  const expected = wrong.map(([name, type]) => `${name} (expected ${type})`).join(', ');
  throw new SetupError(
    `The Temporal namespace has search attributes of other types: ${expected}.`,
    'Use a separate namespace for this service: TEMPORAL_NAMESPACE=…',
  );
}

async function connectTemporal(env) {
  const require = createRequire(import.meta.url);
  const { loadClientConnectConfig } = require('@temporalio/envconfig');
  const { Connection } = require('@temporalio/client');
  const { connectionOptions, namespace = 'default' } = loadClientConnectConfig({ overrideEnvVars: env });
  try {
    const connection = await waitUntil(() => Connection.connect(connectionOptions), {
      timeoutMs: 15_000,
      intervalMs: 200,
    });
    return { connection, namespace };
  } catch (error) {
    throw new SetupError(
      `Temporal at ${connectionOptions.address} does not answer: ${error.details || error.message}`,
      'Start it, correct TEMPORAL_ADDRESS, or unset it to start an embedded server.',
    );
  }
}
