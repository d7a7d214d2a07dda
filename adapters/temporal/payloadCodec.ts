import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import {
  type DataConverter,
  type Payload,
  type PayloadCodec,
  type SerializationContext,
  ValueError,
} from '@temporalio/common';
import { holdsPersonalContent } from '../../domain/privacy/personalContent';
import { type PayloadKeys } from '../../services/ports';

/** The name that Temporal's tools know for encrypted payloads. */
const ENCRYPTED = 'binary/encrypted';
const JSON_PLAIN = 'json/plain';
const CIPHER = 'aes-256-gcm';
const CIPHER_NAME = 'AES-256-GCM';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Metadata of an encrypted payload: Temporal's own names where it has any. */
const KEY_ID = 'encryption-key-id';
const CIPHER_FIELD = 'encryption-cipher';
const BOUND_TO = 'encryption-workflow-id';

/** Only a text that may hold personal content is parsed. */
const MAY_BE_PERSONAL = /"(?:why|notes?|contactName|contactPhone|address|kind)"\s*:/;

/** An encrypted payload that cannot be read: its key is not here, or it was altered or moved. */
export class UnreadablePayload extends ValueError {
  override name = 'UnreadablePayload';
}

/**
 * The converter of API and worker. Empty while there are no keys: payloads stay as the SDK makes them (ADR 33).
 */
export function dataConverterOf(payloads: PayloadKeys): DataConverter {
  return payloads.keys.size === 0 ? {} : { payloadCodecs: [createPayloadCodec(payloads)] };
}

/**
 * Encrypts payloads that hold personal content, and leaves all others readable. Reads both kinds, so that
 * histories from before, and those under another key, go on.
 */
export function createPayloadCodec({ keys, encryptWith }: PayloadKeys): PayloadCodec {
  const current = encryptWith === null ? null : { id: encryptWith, key: keyOf(keys, encryptWith) };
  return {
    encode: async (payloads, context) =>
      current === null
        ? payloads
        : payloads.map((payload) => (isPersonal(payload) ? encrypted(payload, current, context) : payload)),
    decode: async (payloads, context) =>
      payloads.map((payload) =>
        textOf(payload, 'encoding') === ENCRYPTED ? decrypted(payload, keys, context) : payload,
      ),
  };
}

/** Decrypts for people what it can, and leaves the rest as it is: one lost key must not hide a whole page. */
export function createPayloadReader(
  given: PayloadKeys,
): (payloads: readonly Payload[]) => Promise<Payload[]> {
  const codec = createPayloadCodec(given);
  return async (payloads) => {
    const read = await Promise.allSettled(payloads.map((payload) => codec.decode([payload])));
    return payloads.map((payload, index) => {
      const result = read[index];
      return result?.status === 'fulfilled' ? (result.value[0] ?? payload) : payload;
    });
  };
}

function isPersonal(payload: Payload): boolean {
  if (textOf(payload, 'encoding') !== JSON_PLAIN) return false;
  const text = Buffer.from(payload.data ?? []).toString();
  return MAY_BE_PERSONAL.test(text) && holdsPersonalContent(JSON.parse(text));
}

/** The payload is bound to its workflow: copied to another one, it cannot be read there. */
function encrypted(
  { data }: Payload,
  { id, key }: { id: string; key: Uint8Array },
  context: SerializationContext | undefined,
): Payload {
  const boundTo = context?.workflowId ?? '';
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce).setAAD(Buffer.from(boundTo));
  const parts = [nonce, cipher.update(data ?? new Uint8Array()), cipher.final()];
  return {
    metadata: {
      encoding: Buffer.from(ENCRYPTED),
      [CIPHER_FIELD]: Buffer.from(CIPHER_NAME),
      [KEY_ID]: Buffer.from(id),
      [BOUND_TO]: Buffer.from(boundTo),
    },
    data: Buffer.concat([...parts, cipher.getAuthTag()]),
  };
}

function decrypted(
  payload: Payload,
  keys: PayloadKeys['keys'],
  context: SerializationContext | undefined,
): Payload {
  const [id, boundTo] = [textOf(payload, KEY_ID), textOf(payload, BOUND_TO)];
  const here = context?.workflowId;
  if (boundTo !== '' && here !== undefined && boundTo !== here)
    throw new UnreadablePayload(`a payload of workflow ${boundTo} was moved to ${here}`);
  const bytes = Buffer.from(payload.data ?? []);
  const tagAt = bytes.length - TAG_BYTES;
  if (tagAt < NONCE_BYTES) throw new UnreadablePayload('an encrypted payload is cut short');
  const decipher = createDecipheriv(CIPHER, keyOf(keys, id), bytes.subarray(0, NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  })
    .setAAD(Buffer.from(boundTo))
    .setAuthTag(bytes.subarray(tagAt));
  try {
    const data = Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, tagAt)), decipher.final()]);
    return { metadata: { encoding: Buffer.from(JSON_PLAIN) }, data };
  } catch {
    throw new UnreadablePayload(`a payload under key ${JSON.stringify(id)} was altered`);
  }
}

function keyOf(keys: PayloadKeys['keys'], id: string): Uint8Array {
  const key = keys.get(id);
  if (key === undefined)
    throw new UnreadablePayload(`the payload key ${JSON.stringify(id)} is not in TEMPORAL_PAYLOAD_KEYS`);
  return key;
}

function textOf({ metadata }: Payload, name: string): string {
  const value = metadata?.[name];
  return value === undefined ? '' : Buffer.from(value).toString();
}
