import { optionalBareOrigin, optionalPayloadKeys, optionalText, whole } from './variable';

/** Personal data: what Temporal may read of it, and how long it is kept. For worker and API. */
export const PRIVACY_VARIABLES = {
  personalDataDays: whole(
    'PERSONAL_DATA_DAYS',
    180,
    { min: 0, max: 3_650 },
    'how long a delivery keeps contacts, addresses, notes and places after its end, and the audit trail what ' +
      'people typed; 0 = for ever',
  ),
  payloadKeys: optionalPayloadKeys(
    'TEMPORAL_PAYLOAD_KEYS',
    'every key that personal content in Temporal was encrypted with, and the next one; unset: none was',
  ),
  payloadKeyId: optionalText(
    'TEMPORAL_PAYLOAD_KEY_ID',
    { pattern: /^[A-Za-z0-9_.-]{1,64}$/, allowed: 'an id of TEMPORAL_PAYLOAD_KEYS', isSecret: false },
    'the key that encrypts personal content in Temporal from now on; unset: it is stored in clear',
  ),
};

/** For the API only. */
export const CODEC_VARIABLES = {
  temporalUiOrigin: optionalBareOrigin(
    'TEMPORAL_UI_ORIGIN',
    'the origin of the Temporal UI, whose pages may call the codec endpoint; unset: no page may',
  ),
};
