import { listenerOn } from '../simulator/kit/processTable';
import type { Pids } from './cpu';
import type { Service } from './service';

const LOCAL = ['127.0.0.1', 'localhost', '[::1]'];

/**
 * The processes of this run. Servers are found by their listening ports, where they run on this machine.
 * @param floor the worker of the bare workflow; null: there is none
 */
export function pidsOf(
  { worker, api }: Service,
  floor: { pid: number | null } | null,
  servers: { databaseUrl: string; redisUrl: string; temporalAddress: string },
): Pids {
  return {
    worker: worker.pid,
    api: api.pid,
    floor: floor?.pid ?? null,
    load: process.pid,
    temporal: serverAt(`http://${servers.temporalAddress}`, 7_233),
    postgres: serverAt(servers.databaseUrl, 5_432),
    redis: serverAt(servers.redisUrl, 6_379),
  };
}

function serverAt(url: string, usualPort: number): number | null {
  if (!URL.canParse(url)) return null;
  const { hostname, port } = new URL(url);
  return LOCAL.includes(hostname) ? (listenerOn(Number(port) || usualPort)?.pid ?? null) : null;
}
