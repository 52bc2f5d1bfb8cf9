/** Proxmox really parses public keys: a line that is none is refused. */
import { fail } from '../http/api-error.js';

const KEY =
  /^(?:[^\s"]+(?:="[^"]*")?(?:,[^\s"]+(?:="[^"]*")?)*\s+)?(ssh-ed25519|ssh-rsa|ssh-dss|ecdsa-sha2-nistp(?:256|384|521)|sk-ssh-ed25519@openssh\.com|sk-ecdsa-sha2-nistp256@openssh\.com)\s+([A-Za-z0-9+/]+={0,2})(?:\s.*)?$/;

function isKey(line: string): boolean {
  const [, type = '', body = ''] = KEY.exec(line) ?? [];
  if (!type) return false;
  const bytes = Buffer.from(body, 'base64');
  const length = bytes.length > 4 ? bytes.readUInt32BE(0) : 0;
  return bytes.subarray(4, 4 + length).toString('latin1') === type;
}

/** Throws 500 when a line is no key. */
export function checkSshKeys(text: string): void {
  for (const line of text.split('\n')) {
    const plain = line.trim();
    if (plain !== '' && !isKey(plain)) throw fail('SSH public key validation error');
  }
}
