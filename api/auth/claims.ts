import { z } from 'zod';
import type { ClaimSettings } from '../../settings';
import { type Caller, type Role, ROLES } from './caller';

const id = z.string().min(1).max(128);
const driverId = z.uuid();
const cityList = z.array(id).max(1_000);

/** The verified claims of a token. */
export type Claims = Readonly<Record<string, unknown>>;

/**
 * Who the claims of a token speak for.
 * @returns a text where they speak for nobody: what they lack, for the holder of the token
 */
export function callerOf(claims: Claims, settings: ClaimSettings): Caller | string {
  const role = roleOf(claims, settings);
  const subject = id.safeParse(claims.sub);
  if (role === 'several') return 'the token has several roles';
  if (role === null || !subject.success) return LACKING;
  return ofRole(role, subject.data, claims, settings) ?? LACKING;
}

const LACKING = 'the token lacks a valid role or the claims of the role';

function ofRole(role: Role, subject: string, claims: Claims, settings: ClaimSettings): Caller | null {
  switch (role) {
    case 'driver': {
      const { data } = driverId.safeParse(claimAt(claims, settings.driver));
      return data === undefined ? null : { role, subject, driverId: data.toLowerCase() };
    }
    case 'ops': {
      const cities = citiesOf(claimAt(claims, settings.cities));
      return cities === null ? null : { role, subject, cities };
    }
    case 'merchant': {
      const { data } = id.safeParse(claimAt(claims, settings.merchant));
      return data === undefined ? null : { role, subject, merchantId: data };
    }
    case 'customer':
      return { role, subject };
  }
}

/** The one role that the claim names. Roles that are not ours, such as `offline_access`, count for nothing. */
function roleOf(claims: Claims, { role: path, roleValues }: ClaimSettings): Role | 'several' | null {
  const named = z.union([z.string(), z.array(z.unknown())]).safeParse(claimAt(claims, path)).data ?? [];
  const meant = [named].flat().map((value) => (typeof value === 'string' ? meaningOf(value) : undefined));
  const roles = new Set(meant.filter((role) => role !== undefined));
  const [role = null] = roles;
  return roles.size > 1 ? 'several' : role;

  function meaningOf(value: string): Role | undefined {
    return roleValues === null ? ROLES.find((each) => each === value) : roleValues.get(value);
  }
}

/** Without the claim: no city. @returns null where the claim is neither a text nor a list of texts */
function citiesOf(claim: unknown): readonly string[] | 'all' | null {
  if (claim === undefined || claim === null) return [];
  const listed = typeof claim === 'string' ? claim.split(/[\s,]+/).filter((city) => city !== '') : claim;
  const { data: cities = null } = cityList.safeParse(listed);
  return cities?.includes('*') === true ? 'all' : cities;
}

/**
 * The claim of this name; else the one at the end of this path, whose steps are separated by dots. A step may
 * itself have dots, as a URL has.
 */
export function claimAt(claims: unknown, path: string): unknown {
  if (!isObject(claims)) return undefined;
  if (Object.hasOwn(claims, path)) return claims[path];
  for (let dot = path.lastIndexOf('.'); dot > 0; dot = path.lastIndexOf('.', dot - 1)) {
    const step = path.slice(0, dot);
    const found = Object.hasOwn(claims, step) ? claimAt(claims[step], path.slice(dot + 1)) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
