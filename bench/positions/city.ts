import { v4 as newUuid } from 'uuid';
import type { Connections } from '../../simulator/client/connections';
import { requireSuccess } from '../../simulator/client/service';

export const CENTER = { lat: 52.35, lng: 4.85 };

/**
 * Creates a city for the bench, with drivers on duty and on the map.
 * @throws UnexpectedRefusal where the API refuses
 */
export async function openCity(
  connections: Connections,
  drivers: number,
): Promise<{ driverId: string; token: string }[]> {
  const cityId = `positions-${Date.now().toString(36)}`;
  const ops = await connections.ops('bench');
  requireSuccess(
    'the city',
    await ops.putCity({ cityId, name: 'Positions', timezone: 'UTC', currency: 'EUR', center: CENTER }),
  );
  const open: { driverId: string; token: string }[] = [];
  let left = drivers;
  const register = async (): Promise<void> => {
    while (left-- > 0) {
      const driverId = newUuid();
      requireSuccess(
        'a driver',
        await ops.putDriver({ driverId, cityId, name: 'Rider', vehicle: 'CAR', offerVersion: 2 }),
      );
      const client = await connections.driver(driverId);
      requireSuccess('a place', await client.sendPositions([{ point: CENTER, at: Date.now() - 10_000 }]));
      requireSuccess('the shift', await client.startShift(null));
      open.push({ driverId, token: await connections.login({ role: 'driver', driverId }) });
    }
  };
  await Promise.all(Array.from({ length: 8 }, register));
  return open;
}
