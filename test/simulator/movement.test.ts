import { describe, expect, test } from '@jest/globals';
import { distanceMeters } from '../../domain/geo/places';
import { headingOf, placeOn, rideOf } from '../../simulator/people/movement';

const dam = { lat: 52.3731, lng: 4.8926 };
const zuid = { lat: 52.339, lng: 4.8735 };

describe('a ride', () => {
  const ride = rideOf(dam, zuid, 1_000, 5);

  test('takes the straight-line distance divided by the speed', () => {
    expect(ride.arrivesAt - ride.startedAt).toBe(Math.ceil((distanceMeters(dam, zuid) / 5) * 1_000));
  });

  test('is at its start before it begins and at its end afterwards', () => {
    expect(placeOn(ride, 0)).toEqual(dam);
    expect(placeOn(ride, ride.arrivesAt)).toEqual(zuid);
    expect(placeOn(ride, ride.arrivesAt + 1)).toEqual(zuid);
  });

  test('is halfway at half the time', () => {
    const middle = placeOn(ride, (ride.startedAt + ride.arrivesAt) / 2);
    expect(distanceMeters(dam, middle)).toBeCloseTo(distanceMeters(middle, zuid), -1);
  });

  test('of zero length ends at once', () => {
    expect(placeOn(rideOf(dam, dam, 1_000, 5), 1_000)).toEqual(dam);
  });

  test('heads towards its end', () => {
    expect(headingOf({ from: dam, to: { ...dam, lat: 53 } })).toBeCloseTo(0);
    expect(headingOf({ from: dam, to: { ...dam, lng: 5 } })).toBeCloseTo(90);
    expect(headingOf({ from: dam, to: { ...dam, lng: 4 } })).toBeCloseTo(270);
  });
});
