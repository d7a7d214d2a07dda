import { createDecipheriv, createECDH, hkdfSync, randomBytes } from 'node:crypto';

/** A browser that subscribed: what it gave away, and how it reads what it is sent (RFC 8188, RFC 8291). */
export type Browser = { keys: { p256dh: string; auth: string }; read(body: Buffer): string };

export function newBrowser(): Browser {
  const own = createECDH('prime256v1');
  const [publicKey, auth] = [own.generateKeys(), randomBytes(16)];
  return {
    keys: { p256dh: publicKey.toString('base64url'), auth: auth.toString('base64url') },
    read: (body) => {
      // The header of aes128gcm: salt (16), record size (4), length of the key's id (1), which is the
      // sender's public key.
      const [salt, senderKey, record] = [
        body.subarray(0, 16),
        body.subarray(21, 21 + body.readUInt8(20)),
        body.subarray(21 + body.readUInt8(20)),
      ];
      const info = Buffer.concat([Buffer.from('WebPush: info\0'), publicKey, senderKey]);
      const secret = Buffer.from(hkdfSync('sha256', own.computeSecret(senderKey), auth, info, 32));
      const derived = (name: string, length: number): Buffer =>
        Buffer.from(hkdfSync('sha256', secret, salt, Buffer.from(`Content-Encoding: ${name}\0`), length));
      const decipher = createDecipheriv(
        'aes-128-gcm',
        derived('aes128gcm', 16),
        derived('nonce', 12),
      ).setAuthTag(record.subarray(-16));
      const padded = Buffer.concat([decipher.update(record.subarray(0, -16)), decipher.final()]);
      return padded.subarray(0, padded.lastIndexOf(2)).toString('utf8'); // 2 ends the last record
    },
  };
}
