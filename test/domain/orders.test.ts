import { describe, expect, it } from '@jest/globals';
import { ORDER_LIMITS } from '../../domain/orders/orderLimits';
import { cappedBonus, payRefusal, placesRefusal } from '../../domain/orders/orderRules';
import { centerProblem, zoneOutside } from '../../domain/orders/cityPlaces';
import { countryOf } from '../../domain/orders/country';
import { e164Of } from '../../domain/orders/phone';
import { outOfArea, type ServiceArea } from '../../domain/orders/serviceArea';
import {
  canonicalOfV1,
  canonicalSent,
  differingFields,
  type SentOrder,
  sentFieldsOf,
} from '../../domain/orders/fingerprint';

const AMSTERDAM: ServiceArea = { center: { lat: 52.36, lng: 4.9 }, radiusMeters: 60_000 };

describe('the area of a city', () => {
  it.each([
    ['the centre', { lat: 52.36, lng: 4.9 }],
    ['a suburb', { lat: 52.3, lng: 5.2 }],
    ['the next city within the radius', { lat: 52.09, lng: 5.12 }],
  ])('has %s in it', (_what, place) => {
    expect(outOfArea(place, AMSTERDAM)).toBeNull();
  });

  it('does not have a place with lat and lng swapped in it, and says that they may be', () => {
    const refusal = placesRefusal(
      [
        { name: 'pickup', point: { lat: 52.37, lng: 4.89 } },
        { name: 'dropoff', point: { lat: 4.9, lng: 52.37 } },
      ],
      AMSTERDAM,
    );
    expect(refusal).toMatchObject({
      refused: 'STOP_OUT_OF_AREA',
      detail: expect.stringMatching(
        /^the dropoff is 6,8\d\d(\.\d)? km from .*within 60 km; are lat and lng swapped\?$/,
      ),
      stops: [{ name: 'dropoff', isSwapped: true, radiusMeters: 60_000 }],
    });
  });

  it('does not ask about swapped coordinates where swapping would not help', () => {
    const refusal = placesRefusal([{ name: 'dropoff', point: { lat: 48.85, lng: 2.35 } }], AMSTERDAM);
    expect(refusal).toMatchObject({ stops: [{ isSwapped: false }] });
    expect(refusal?.detail).not.toContain('swapped');
  });

  it('names every stop outside', () => {
    const far = { lat: 4.9, lng: 52.37 };
    const places = ['pickup', 'dropoff'].map((name) => ({ name, point: far }));
    expect(placesRefusal(places, AMSTERDAM)).toMatchObject({
      stops: [{ name: 'pickup' }, { name: 'dropoff' }],
    });
  });

  it('never reads as if a place outside were inside', () => {
    const [, meters] = [AMSTERDAM.radiusMeters, 60_010];
    const place = { lat: 52.36 + meters / 111_195.08, lng: 4.9 };
    expect(placesRefusal([{ name: 'pickup', point: place }], AMSTERDAM)?.detail).toContain('60.1 km');
  });

  it('bounds its zones', () => {
    const square = (lat: number, lng: number) => ({
      type: 'Polygon' as const,
      coordinates: [
        [
          [lng, lat],
          [lng + 0.1, lat],
          [lng, lat + 0.1],
          [lng, lat],
        ],
      ],
    });
    expect(zoneOutside(square(52.3, 4.8), AMSTERDAM)).toBeNull();
    expect(zoneOutside(square(4.8, 52.3), AMSTERDAM)).toMatch(/^a point of the zone is 6,8.*swapped\?$/);
    const { coordinates } = square(10, 10);
    expect(zoneOutside({ type: 'MultiPolygon', coordinates: [coordinates] }, AMSTERDAM)).not.toBeNull();
  });
});

describe('the centre of a city', () => {
  it.each([
    [{ lat: 52.37, lng: 4.89 }, 'Europe/Amsterdam'],
    [{ lat: 43.8, lng: 87.6 }, 'Asia/Shanghai'], // Urumqi, by the clock of the capital
    [{ lat: 40.7, lng: -74 }, 'America/New_York'],
    [{ lat: 52.37, lng: 4.89 }, 'UTC'],
    [{ lat: 10, lng: 10 }, 'Europe/Rome'],
  ])('at %p fits %s', (center, timezone) => {
    expect(centerProblem(center, timezone)).toBeNull();
  });

  it.each([
    [{ lat: 4.89, lng: 52.37 }, 'Europe/Amsterdam'],
    [{ lat: 13.4, lng: 52.52 }, 'Europe/Berlin'],
    [{ lat: -74, lng: 40.7 }, 'America/New_York'],
  ])('at %p is swapped for %s', (center, timezone) => {
    expect(centerProblem(center, timezone)).toMatch(/swapped/);
  });
});

describe('a phone number', () => {
  it.each([
    ['020 123 4567 x5', 'NL', '+31201234567'],
    ['(+49) 151 2345678', 'NL', '+491512345678'],
    ['+31 (0)20 123 4567', 'NL', '+31201234567'],
    ['0031 20 123 4567', 'NL', '+31201234567'],
    ['415.555.0123 ext. 12', 'US', '+14155550123'],
    ['bel Jan: 06-12345678', 'NL', '+31612345678'],
    ['0151/2345678', 'DE', '+491512345678'],
    ['+44 20 7946 0958', null, '+442079460958'],
    ['020 123 4567', null, null],
    ['020 123 4567', 'XX', null],
    ['----', 'NL', null],
    ['12', 'NL', null],
    ['none', 'NL', null],
    ['', 'NL', null],
    [null, 'NL', null],
  ])('%p in %p can be called as %p', (given, country, e164) => {
    expect(e164Of(given, country)).toBe(e164);
  });

  it.each([
    [{ country: null, timezone: 'Europe/Amsterdam' }, 'NL'],
    [{ country: null, timezone: 'Europe/Berlin' }, 'DE'],
    [{ country: 'LI', timezone: 'Europe/Zurich' }, 'LI'],
    [{ country: null, timezone: 'UTC' }, null],
  ])('is local to the country of %p', (city, country) => {
    expect(countryOf(city)).toBe(country);
  });
});

describe('the pay of an order', () => {
  it('is set by ops only, within the cap', () => {
    const [ops, merchant] = [{ kind: 'ops' }, { kind: 'merchant' }] as const;
    const shown = (amount: number): string => `${amount} yen`;
    expect(payRefusal(null, merchant, ORDER_LIMITS, shown)).toBeNull();
    for (const payCents of [0, 700, 100_000_000])
      expect(payRefusal(payCents, merchant, ORDER_LIMITS, shown)).toMatchObject({
        refused: 'PAY_NOT_ALLOWED',
      });
    for (const payCents of [0, 700, 100_000])
      expect(payRefusal(payCents, ops, ORDER_LIMITS, shown)).toBeNull();
    expect(payRefusal(100_001, ops, ORDER_LIMITS, shown)).toMatchObject({
      refused: 'PAY_NOT_ALLOWED',
      detail: 'the pay is at most 100000 yen',
    });
  });

  it('rises by a bonus up to the cap, and never falls', () => {
    const limits = { payMaxCents: 1_000 };
    expect(cappedBonus(700, { before: 0, after: 200 }, limits)).toBe(200);
    expect(cappedBonus(700, { before: 200, after: 400 }, limits)).toBe(300);
    expect(cappedBonus(700, { before: 400, after: 600 }, limits)).toBe(400);
    expect(cappedBonus(5_000, { before: 0, after: 200 }, limits)).toBe(0);
  });
});

const STOP = {
  address: 'Baker Street 1',
  point: { lat: 52.37, lng: 4.89 },
  contactName: 'Bea',
  contactPhone: '020 123 4567 x5',
  notes: null,
};
const ORDER: SentOrder = {
  merchantId: 'bakery',
  sellerOrderId: 'order-1',
  cityId: 'rome',
  pickup: STOP,
  dropoff: { ...STOP, notes: 'ring twice' },
  readyAt: null,
  windowFrom: Date.parse('2030-01-01T11:00:00Z'),
  windowTo: null,
  parcelSize: 'SMALL',
  feeCents: 590,
  payCents: null,
  currency: null,
};
const BODY = {
  sellerOrderId: 'order-1',
  cityId: 'rome',
  pickup: { ...STOP, notes: undefined },
  dropoff: { ...STOP, notes: 'ring twice' },
  windowFrom: '2030-01-01T12:00:00+01:00',
  parcelSize: 'SMALL',
  feeCents: 590,
};

describe('the fingerprint of an order', () => {
  const text = canonicalSent(BODY, 'bakery');

  it.each([
    ['the order of its fields', Object.fromEntries(Object.entries(BODY).reverse())],
    ['fields that are null', { ...BODY, windowTo: null, payCents: null, currency: null }],
    ['fields that are empty', { ...BODY, currency: '', pickup: { ...STOP, notes: ' ' } }],
    ['the offset of an instant', { ...BODY, windowFrom: '2030-01-01T11:00:00.000Z' }],
    ['spaces around a text', { ...BODY, dropoff: { ...BODY.dropoff, notes: ' ring twice\n' } }],
    ['the merchant where the token names it', { ...BODY, merchantId: 'bakery' }],
    ['a field of a later release, left out', { ...BODY, allergens: null }],
  ])('does not depend on %s', (_what, body) => {
    expect(canonicalSent(body, 'bakery')).toBe(text);
  });

  it.each([
    ['an amount', { ...BODY, feeCents: 591 }],
    ['a text', { ...BODY, dropoff: { ...BODY.dropoff, notes: 'ring once' } }],
    ['an instant', { ...BODY, windowFrom: '2030-01-01T12:00:01+01:00' }],
    ['a field of a later release, sent', { ...BODY, allergens: 'nuts' }],
  ])('depends on %s', (_what, body) => {
    expect(canonicalSent(body, 'bakery')).not.toBe(text);
  });

  it('of releases up to 2.1.0 covers their fields, and no later one', () => {
    const later = { ...ORDER, allergens: 'nuts', pickup: { ...STOP, floor: 3 } };
    expect(canonicalOfV1(later)).toBe(canonicalOfV1(ORDER));
    expect(canonicalOfV1(ORDER)).toBe(
      '{"cityId":"rome","currency":null,"dropoff":{"address":"Baker Street 1","contactName":"Bea",' +
        '"contactPhone":"020 123 4567 x5","notes":"ring twice","point":{"lat":52.37,"lng":4.89}},' +
        '"feeCents":590,"merchantId":"bakery","parcelSize":"SMALL","payCents":null,"pickup":' +
        '{"address":"Baker Street 1","contactName":"Bea","contactPhone":"020 123 4567 x5","notes":null,' +
        '"point":{"lat":52.37,"lng":4.89}},"readyAt":null,"sellerOrderId":"order-1",' +
        '"windowFrom":1893495600000,"windowTo":null}',
    );
  });
});

describe('the fields in which two orders differ', () => {
  /** As the row has it: the service has filled what was not sent. */
  const stored = { ...ORDER, readyAt: 5, payCents: 700, currency: 'EUR' };
  const taken = { order: stored, fields: sentFieldsOf(ORDER) };
  const between = (change: Partial<SentOrder>, changedSince: string[] = []) =>
    differingFields(taken, { ...ORDER, ...change }, changedSince);

  it('are those that were sent with another value', () => {
    expect(between({})).toEqual([]);
    expect(between({ feeCents: 591, pickup: { ...STOP, point: { lat: 52.37, lng: 4.9 } } })).toEqual([
      'feeCents',
      'pickup.point',
    ]);
  });

  it('are those that only one of them has, even with the value that the service filled in', () => {
    expect(between({ windowFrom: null, readyAt: 5 })).toEqual(['readyAt', 'windowFrom']);
    expect(between({ pickup: { ...STOP, contactName: null } })).toEqual(['pickup.contactName']);
  });

  it('are not those that were changed since, or blanked', () => {
    const changed = { ...taken, order: { ...stored, dropoff: { ...ORDER.dropoff, notes: 'by the gate' } } };
    expect(differingFields(changed, { ...ORDER, feeCents: 1 }, ['dropoff.notes'])).toEqual(['feeCents']);
    const blanked = { ...taken, order: { ...stored, pickup: { ...STOP, contactPhone: null } } };
    expect(differingFields(blanked, { ...ORDER, feeCents: 1 }, [])).toEqual(['feeCents']);
  });

  it('of an order of an older release are those that its row can tell', () => {
    const old = { order: stored, fields: null };
    expect(differingFields(old, { ...ORDER, feeCents: 1 }, [])).toEqual(['feeCents']);
    expect(differingFields(old, { ...ORDER, readyAt: 6, currency: 'EUR' }, [])).toEqual(['readyAt']);
    expect(differingFields(old, { ...ORDER, dropoff: STOP }, [])).toEqual(['dropoff.notes']);
  });
});
