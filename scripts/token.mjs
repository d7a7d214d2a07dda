// npm run token -- ops | merchant ID | driver NAME|ID | customer DELIVERY
// Prints a token that the running demo takes, valid for a day: signed with JWT_LOCAL_KEY, or with the key that
// `npm start` keeps. A driver's name is looked up through the API. `npm run --silent token -- …` prints the
// token and nothing else on stdout.
import { logError, logStep, logWarning } from './bootstrap/log.mjs';
import { readSettings } from './bootstrap/settings.mjs';
import { acceptedBy, findDriverId, localSigner, OPS, readHolder, UsageError } from './bootstrap/tokens.mjs';

const USAGE = `usage: npm run token -- ops
       npm run token -- merchant ID
       npm run token -- driver NAME|ID
       npm run token -- customer DELIVERY`;

try {
  const holder = readHolder(process.argv.slice(2));
  const apiUrl = process.env.API_URL || `http://127.0.0.1:${readSettings().apiPort}`;
  const sign = localSigner();
  const id =
    holder.role === 'driver' ? await findDriverId(holder.id, { apiUrl, token: await sign(OPS) }) : holder.id;
  const token = await sign({ ...holder, id });
  if (!(await acceptedBy(apiUrl, token))) logWarning(`no service answers at ${apiUrl}`);
  if (process.stdout.isTTY) logStep(`${holder.role} ${id}, for 24 hours`);
  console.log(token);
} catch (error) {
  if (error instanceof UsageError) console.error(`${error.message}\n${USAGE}`);
  else logError(error);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
