import { describe, expect, test } from '@jest/globals';
import { callerOf, claimAt } from '../../api/auth/claims';
import { type ClaimSettings, DEFAULT_CLAIMS } from '../../settings';

const DRIVER_ID = '0198a2a4-91c5-7000-8000-000000000001';

const rolesAt = (role: string, more: Partial<ClaimSettings> = {}): ClaimSettings => ({
  ...DEFAULT_CLAIMS,
  role,
  ...more,
});

describe('ops', () => {
  test.each([
    ['no claim', undefined, []],
    ['null', null, []],
    ['an empty list', [], []],
    ['an empty text', '', []],
    ['one city', 'berlin', ['berlin']],
    ['cities separated by spaces', 'berlin paris', ['berlin', 'paris']],
    ['cities separated by commas', 'berlin, paris', ['berlin', 'paris']],
    ['a list', ['berlin', 'paris'], ['berlin', 'paris']],
    ['*', '*', 'all'],
    ['a list with *', ['berlin', '*'], 'all'],
  ])('with %s see %s: %j', (_what, cities, seen) => {
    expect(callerOf({ role: 'ops', sub: 'olga', cities }, DEFAULT_CLAIMS)).toEqual({
      role: 'ops',
      subject: 'olga',
      cities: seen,
    });
  });

  test.each([[7], [true], [{ berlin: true }], [['berlin', 7]]])('with cities %j are refused', (cities) => {
    expect(typeof callerOf({ role: 'ops', sub: 'olga', cities }, DEFAULT_CLAIMS)).toBe('string');
  });
});

describe('the role', () => {
  test('comes from a namespace of Auth0, which is a URL', () => {
    const settings = rolesAt('https://example.com/roles', { cities: 'https://example.com/cities' });
    const claims = {
      sub: 'auth0|olga',
      'https://example.com/roles': ['ops'],
      'https://example.com/cities': ['berlin'],
    };
    expect(callerOf(claims, settings)).toEqual({ role: 'ops', subject: 'auth0|olga', cities: ['berlin'] });
  });

  test('comes from the realm roles of Keycloak, among others that are not ours', () => {
    const claims = { sub: DRIVER_ID, realm_access: { roles: ['offline_access', 'driver', 'default-roles'] } };
    expect(callerOf(claims, rolesAt('realm_access.roles'))).toMatchObject({
      role: 'driver',
      driverId: DRIVER_ID,
    });
  });

  test('comes from the client roles of Keycloak, whose client has dots in its name', () => {
    const claims = {
      sub: 'kim',
      resource_access: { 'shop.example.com': { roles: ['merchant'] } },
      shop: 'bakery',
    };
    const settings = rolesAt('resource_access.shop.example.com.roles', { merchant: 'shop' });
    expect(callerOf(claims, settings)).toMatchObject({ role: 'merchant', merchantId: 'bakery' });
  });

  test('means what the setting says, and nothing else', () => {
    const roleValues = new Map([
      ['dispatcher', 'ops'],
      ['courier', 'driver'],
    ] as const);
    const settings = rolesAt('role', { roleValues });
    expect(callerOf({ sub: 'olga', role: 'dispatcher', cities: '*' }, settings)).toMatchObject({
      role: 'ops',
    });
    expect(callerOf({ sub: DRIVER_ID, role: ['courier'] }, settings)).toMatchObject({ role: 'driver' });
    expect(typeof callerOf({ sub: 'olga', role: 'ops', cities: '*' }, settings)).toBe('string');
  });

  test('is refused where the token has several of ours', () => {
    expect(callerOf({ sub: DRIVER_ID, role: ['driver', 'ops'] }, DEFAULT_CLAIMS)).toBe(
      'the token has several roles',
    );
    expect(callerOf({ sub: 'olga', role: ['ops', 'ops'] }, DEFAULT_CLAIMS)).toMatchObject({ role: 'ops' });
  });

  test.each([[undefined], [null], [7], [[]], [['king']], [{ ops: true }], ['__proto__'], [[['ops']]]])(
    '%j is none',
    (role) => {
      expect(typeof callerOf({ sub: 'olga', role }, DEFAULT_CLAIMS)).toBe('string');
    },
  );
});

test('a driver of an issuer with ids of its own has their driver id in another claim', () => {
  const settings = { ...DEFAULT_CLAIMS, driver: 'app_metadata.driver_id' };
  const claims = { sub: 'auth0|1', role: 'driver', app_metadata: { driver_id: DRIVER_ID.toUpperCase() } };
  expect(callerOf(claims, settings)).toEqual({ role: 'driver', subject: 'auth0|1', driverId: DRIVER_ID });
  expect(typeof callerOf({ sub: DRIVER_ID, role: 'driver' }, settings)).toBe('string');
});

test('a path finds nothing that the token does not say itself', () => {
  expect(claimAt({ a: { b: 1 } }, 'a.b')).toBe(1);
  expect(claimAt({ 'a.b': 2, a: { b: 1 } }, 'a.b')).toBe(2);
  expect(claimAt({ a: null, 'a.b': { c: 3 } }, 'a.b.c')).toBe(3);
  for (const path of ['constructor', '__proto__', 'a.constructor.name', 'a.', '.a', '', 'a..b'])
    expect(claimAt({ a: { b: 1 } }, path)).toBeUndefined();
});
