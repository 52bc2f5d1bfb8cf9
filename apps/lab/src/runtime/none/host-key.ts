/** A real ed25519 public key in OpenSSH form, always the same for the same seed. */
import { createHash, createPrivateKey, createPublicKey } from 'node:crypto';

/** DER of a PKCS #8 ed25519 key up to its 32 secret bytes (RFC 8410). */
const PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

export function hostPublicKey(seed: string): string {
  const secret = createHash('sha256').update(`bastide lab host key ${seed}`).digest();
  const key = createPublicKey(createPrivateKey({ key: Buffer.concat([PREFIX, secret]), format: 'der', type: 'pkcs8' }));
  const raw = key.export({ format: 'der', type: 'spki' }).subarray(-32);
  const part = (bytes: Buffer) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return Buffer.concat([length, bytes]);
  };
  return `ssh-ed25519 ${Buffer.concat([part(Buffer.from('ssh-ed25519')), part(raw)]).toString('base64')}`;
}
