import { describe, expect, it } from '@jest/globals';
import asyncApi3 from '@asyncapi/specs/schemas/3.0.0.json';
import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';
import { asyncApiDocument } from '../../api/realtime/asyncapi';
import { AUDIENCES, REALTIME_EVENTS } from '../../domain/notices/realtimeEvents';
import { EventContract } from '../support/eventContract';
import { OFFER_PAYLOAD } from '../support/offerPayload';

const document = asyncApiDocument();
const contract = new EventContract(document);

describe('the AsyncAPI document', () => {
  it('is valid AsyncAPI 3.0', () => {
    // The schema of AsyncAPI brings draft 7 with it.
    const ajv = addFormats(new Ajv({ strict: false, meta: false, validateSchema: false }));
    const validate = ajv.compile(asyncApi3);
    validate(document);
    expect(validate.errors).toBeNull();
  });

  it('names every event for each audience that receives it', () => {
    const shown = AUDIENCES.flatMap((audience) =>
      contract.events(audience).map((event) => [audience, event]),
    );
    const sent = Object.entries(REALTIME_EVENTS).flatMap(([event, { to }]) =>
      to.map((each) => [each, event]),
    );
    expect(shown.sort()).toEqual(sent.sort());
  });
});

describe('the check of events', () => {
  const id = '01890a5d-ac96-774b-bcce-b302099a8057';
  const expiresAt = '2026-01-01T12:00:30.000Z';
  const offer = { offerId: id, deliveryId: id, driverId: id, expiresAt, offerPayload: OFFER_PAYLOAD };
  const found = (event: string, body: object): string =>
    contract.violations('driver', [{ event, body }]).join();

  it('finds nothing if all events are as documented', () => {
    expect(found('DELIVERY_OFFERED_V2', offer)).toBe('');
  });

  it.each<[string, string, object, string]>([
    ['an event that is not documented', 'SURPRISE', {}, 'SURPRISE is not documented for driver'],
    ['an event of others', 'offer_created', {}, 'offer_created is not documented for driver'],
    ['a field that is not documented', 'DELIVERY_OFFERED_V2', { ...offer, colour: 'red' }, 'additional'],
    [
      'one deep inside',
      'DELIVERY_OFFERED_V2',
      { ...offer, offerPayload: { ...OFFER_PAYLOAD, x: 1 } },
      'additional',
    ],
    ['a field that is missing', 'DELIVERY_OFFERED_V2', { ...offer, expiresAt: undefined }, 'expiresAt'],
    ['a field of another form', 'DELIVERY_OFFERED_V2', { ...offer, expiresAt: 'soon' }, 'date-time'],
  ])('finds %s', (_what, event, body, words) => {
    expect(found(event, body)).toContain(words);
  });
});
