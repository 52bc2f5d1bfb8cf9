import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { SecretRow } from '../../application/secrets/secret-rows.port.js';

const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

export interface MasterKey {
  readonly id: string;
  readonly key: Buffer;
}

/** The authentication tag did not fit: the row was changed, moved to another name, or sealed with another key. */
export class SealBroken extends Error {
  override readonly name = 'SealBroken';
}

/**
 * AES-256-GCM (NIST SP 800-38D). Layouts: `wrappedKey` = nonce ‖ sealed data key ‖ tag, bound to key id and name;
 * `ciphertext` = sealed value ‖ tag, under `nonce`, bound to the name. A row that is copied to another name does not open.
 */
export function seal(name: string, value: string, master: MasterKey): SecretRow {
  const dataKey = randomBytes(KEY_BYTES);
  const nonce = randomBytes(NONCE_BYTES);
  try {
    return {
      name,
      keyId: master.id,
      wrappedKey: wrap(name, dataKey, master),
      nonce,
      ciphertext: encrypt(dataKey, nonce, Buffer.from(value, 'utf8'), name),
    };
  } finally {
    dataKey.fill(0);
  }
}

export function open(row: SecretRow, master: MasterKey): string {
  const dataKey = unwrap(row, master);
  try {
    return decrypt(dataKey, row.nonce, row.ciphertext, row.name).toString('utf8');
  } finally {
    dataKey.fill(0);
  }
}

/** The same value under another master key; the value itself is not touched. */
export function rewrap(row: SecretRow, from: MasterKey, to: MasterKey): SecretRow {
  const dataKey = unwrap(row, from);
  try {
    return { ...row, keyId: to.id, wrappedKey: wrap(row.name, dataKey, to) };
  } finally {
    dataKey.fill(0);
  }
}

function wrap(name: string, dataKey: Buffer, master: MasterKey): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  return Buffer.concat([nonce, encrypt(master.key, nonce, dataKey, `${master.id}\0${name}`)]);
}

function unwrap(row: SecretRow, master: MasterKey): Buffer {
  const nonce = row.wrappedKey.subarray(0, NONCE_BYTES);
  return decrypt(master.key, nonce, row.wrappedKey.subarray(NONCE_BYTES), `${master.id}\0${row.name}`);
}

function encrypt(key: Buffer, nonce: Buffer, plain: Buffer, bound: string): Buffer {
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.from(bound, 'utf8'));
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

function decrypt(key: Buffer, nonce: Buffer, sealed: Buffer, bound: string): Buffer {
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(Buffer.from(bound, 'utf8'));
    decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
    return Buffer.concat([decipher.update(sealed.subarray(0, -TAG_BYTES)), decipher.final()]);
  } catch (error) {
    throw new SealBroken('the seal does not fit', { cause: error });
  }
}
