/** `npm run token` against a running API. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { v7 as newId } from 'uuid';
import { createLocalSigner } from '../../api/auth/localTokens';
import { createTokenReader } from '../../api/auth/tokens';
import { freePort } from '../../simulator/kit/freePort';
import { type ApiWorld, AUTH, createApiWorld, KEY, ops } from '../support/apiWorld';

const COMMAND = join(__dirname, '../../scripts/token.mjs');
const read = createTokenReader(AUTH);
const CITY = `town-${newId()}`;
const NORA = newId();

let world: ApiWorld;
beforeAll(async () => {
  world = await createApiWorld();
  const center = { lat: 52.4, lng: 4.6 };
  await world
    .as(ops())
    .put(`/v2/cities/${CITY}`, { name: 'Town', timezone: 'UTC', currency: 'EUR', center })
    .expect(201);
  const people: [string, string][] = [
    [NORA, 'Nora S.'],
    [newId(), 'Noah'],
    [newId(), 'Tess A.'],
    [newId(), 'Tess B.'],
  ];
  for (const [driverId, name] of people)
    await world
      .as(ops())
      .post('/v2/drivers', { driverId, cityId: CITY, name, vehicleKind: 'BICYCLE' })
      .expect(201);
});
afterAll(() => world.close());

type Ran = { stdout: string; stderr: string; code: number | null };

/** Without variables that name another service or key. */
function token(words: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ran> {
  const signing = { JWT_LOCAL_KEY: KEY, JWT_ISSUER: AUTH.issuer, JWT_AUDIENCE: AUTH.audience };
  const all = { PATH: process.env.PATH, API_URL: world.url, ...signing, ...env };
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [COMMAND, ...words], { env: all }, (_error, stdout, stderr) =>
      resolve({ stdout, stderr, code: child.exitCode }),
    );
  });
}

describe('npm run token', () => {
  it.each([
    [['ops'], { role: 'ops', subject: 'demo-ops', cities: 'all' }],
    [['merchant', 'toko-melati'], { role: 'merchant', subject: 'toko-melati', merchantId: 'toko-melati' }],
    [['driver', NORA], { role: 'driver', subject: NORA, driverId: NORA }],
    [['driver', 'Nora', 'S.'], { role: 'driver', subject: NORA, driverId: NORA }],
    [['driver', 'nora'], { role: 'driver', subject: NORA, driverId: NORA }],
    [['customer', NORA], { role: 'customer', subject: NORA }],
  ])('%j prints only the token', async (words, caller) => {
    const { stdout, stderr, code } = await token(words);
    expect([stderr, code]).toEqual(['', 0]);
    expect(await read(stdout.trim())).toEqual(caller);
  });

  it('prints a token with the claims that the service is told to expect', async () => {
    const claims = {
      role: 'https://example.com/roles',
      roleValues: new Map([['dispatcher', 'ops'] as const, ['courier', 'driver'] as const]),
      cities: 'app.cities',
      driver: 'courier_id',
      merchant: 'shop',
    };
    const env = {
      JWT_ROLE_CLAIM: claims.role,
      JWT_ROLE_VALUES: 'dispatcher=ops,courier=driver',
      JWT_CITIES_CLAIM: claims.cities,
      JWT_DRIVER_CLAIM: claims.driver,
      API_URL: `http://127.0.0.1:${await freePort()}`,
    };
    const reader = createTokenReader({ ...AUTH, claims });
    expect(await reader((await token(['ops'], env)).stdout.trim())).toMatchObject({ cities: 'all' });
    expect(await reader((await token(['driver', NORA], env)).stdout.trim())).toMatchObject({
      driverId: NORA,
    });
    const sign = createLocalSigner({ ...AUTH, claims });
    expect(await reader((await sign?.({ role: 'ops', id: 'olga' })) ?? '')).toMatchObject({ cities: 'all' });
  });

  it.each([
    [['driver', 'Kim'], /There is no driver "Kim"[^]*Nora S\./],
    [['driver', 'Tess'], /"Tess" is the name of 2 drivers:[^]*Tess A\.[^]*Tess B\.[^]*Give the id/],
    [['driver', 'No'], /"No" is the name of 2 drivers/],
  ])('%j is refused with a list of drivers', async (words, message) => {
    const { stdout, stderr, code } = await token(words);
    expect([stdout, code]).toEqual(['', 1]);
    expect(stderr).toMatch(message);
  });

  it.each([
    [[], /Name a role/],
    [['king'], /There is no role "king"/],
    [['driver'], /Which driver\?/],
    [['customer', 'kim'], /Name a customer by the id of their delivery/],
  ])('%j is refused with the usage', async (words, message) => {
    const { stdout, stderr, code } = await token(words);
    expect([stdout, code]).toEqual(['', 2]);
    expect(stderr).toMatch(message);
    expect(stderr).toContain('usage: npm run token --');
  });

  it('signs nothing if an external issuer signs the tokens', async () => {
    const { stdout, stderr, code } = await token(['ops'], { JWT_JWKS_URL: 'https://id.example/keys' });
    expect([stdout, code]).toEqual(['', 1]);
    expect(stderr).toContain('JWT_JWKS_URL is set');
  });

  it('prints no token that the service would refuse', async () => {
    const { stdout, stderr, code } = await token(['ops'], { JWT_LOCAL_KEY: KEY.toUpperCase() });
    expect([stdout, code]).toEqual(['', 1]);
    expect(stderr).toContain('does not accept tokens signed with the local key');
  });

  it('needs a running service only to look up a name', async () => {
    const nowhere = { API_URL: `http://127.0.0.1:${await freePort()}` };
    expect(await token(['driver', NORA], nowhere)).toMatchObject({ code: 0 });
    const { stderr, code } = await token(['driver', 'Nora'], nowhere);
    expect(code).toBe(1);
    expect(stderr).toContain("the driver's name cannot be resolved");
  });
});
