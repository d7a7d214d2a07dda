import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { fieldErrors } from '../../api/http/fieldErrors';

const errorsOf = (schema: z.ZodType, given: unknown) => {
  const { error } = schema.safeParse(given);
  return error ? fieldErrors(error) : [];
};

const place = z.strictObject({ lat: z.number().max(85), lng: z.number() });
const oneOrMany = z.union([place, z.strictObject({ places: z.array(place).min(1) })]);

describe('the errors of a union', () => {
  it.each<[string, unknown, { path: string; message: string }[]]>([
    ['of the single form', { lat: 86, lng: 1 }, [{ path: 'lat', message: expect.any(String) as never }]],
    [
      'of a missing field',
      { lat: 1 },
      [{ path: 'lng', message: expect.stringContaining('number') as never }],
    ],
    [
      'deep in the list',
      {
        places: [
          { lat: 1, lng: 2 },
          { lat: 1, lng: 'x' },
        ],
      },
      [{ path: 'places.1.lng', message: expect.stringContaining('number') as never }],
    ],
    ['of an empty list', { places: [] }, [{ path: 'places', message: expect.any(String) as never }]],
    [
      'of an unknown field',
      { lat: 1, lng: 2, mood: 'good' },
      [{ path: '', message: expect.stringContaining('mood') as never }],
    ],
  ])('name the field of the form that was meant: %s', (_what, given, errors) => {
    expect(errorsOf(oneOrMany, given)).toEqual(errors);
  });

  it('name each kind that is allowed where none is given', () => {
    const time = z.object({ at: z.union([z.string(), z.number()]) });
    expect(errorsOf(time, { at: [] })).toEqual([
      { path: 'at', message: expect.stringMatching(/string.*, or .*number/) },
    ]);
  });

  it('name a kind once that several forms have', () => {
    expect(errorsOf(oneOrMany, [])).toEqual([{ path: '', message: expect.not.stringContaining(', or ') }]);
  });

  it('keep the reason of the kind that was given', () => {
    const time = z.object({ at: z.union([z.iso.datetime(), z.int().min(10)]) });
    expect(errorsOf(time, { at: 'yesterday' })).toEqual([
      { path: 'at', message: expect.stringMatching(/datetime/) },
    ]);
    expect(errorsOf(time, { at: 5 })).toEqual([{ path: 'at', message: expect.stringMatching(/10/) }]);
  });

  it('go through unions in unions, and add the paths up', () => {
    const nested = z.object({ all: z.array(z.union([z.null(), z.object({ of: oneOrMany })])) });
    expect(errorsOf(nested, { all: [{ of: { places: [{ lat: 1, lng: null }] } }] })).toEqual([
      { path: 'all.0.of.places.0.lng', message: expect.stringContaining('number') },
    ]);
  });

  it('list the kinds where the discriminator is unknown', () => {
    const shape = z.object({
      area: z.discriminatedUnion('type', [
        z.object({ type: z.literal('Polygon') }),
        z.object({ type: z.literal('MultiPolygon') }),
      ]),
    });
    expect(errorsOf(shape, { area: { type: 'Point' } })).toEqual([
      { path: 'area.type', message: 'must be one of Polygon, MultiPolygon' },
    ]);
  });

  it('name the key of a record', () => {
    const record = z.record(z.string().max(2), z.number());
    expect(errorsOf(record, { long: 1 })).toEqual([{ path: 'long', message: expect.any(String) }]);
  });
});
