/** Time-based one-time passwords (RFC 6238) and the `otpauth` address they are set up with. */
import { createHmac } from 'node:crypto';

export interface Totp {
  /** Hexadecimal. */
  readonly secret: string;
  readonly digits: number;
  readonly algorithm: 'sha1' | 'sha256' | 'sha512';
  /** Seconds one value lives. */
  readonly period: number;
}

const PREFIX = 'otpauth://totp/';
const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const ALGORITHMS = ['sha1', 'sha256', 'sha512'] as const;

/** Bytes as hexadecimal digits; undefined where it is no base 32. */
function fromBase32(text: string): string | undefined {
  let bits = '';
  for (const letter of text.toUpperCase()) {
    const value = BASE32.indexOf(letter);
    if (value < 0) return undefined;
    bits += value.toString(2).padStart(5, '0');
  }
  const bytes = bits.match(/.{8}/g) ?? [];
  return bytes.map((byte) => Number.parseInt(byte, 2).toString(16).padStart(2, '0')).join('');
}

function wholeNumber(value: string, name: string, limit: number): number {
  const number = /^\+?\d+$/.test(value) ? Number(value) : Number.NaN;
  if (!(number <= limit)) throw new Error(`failed to parse value '${name}'`);
  return number;
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    throw new Error('failed to decode value');
  }
}

/** Throws what the real server says of an address it cannot read. */
export function parseTotp(uri: string): Totp {
  if (!uri.startsWith(PREFIX)) throw new Error('not an otpauth uri');
  const question = uri.indexOf('?');
  if (question < 0) throw new Error("missing '?' in otp uri");
  let totp: Totp = { secret: '', digits: 6, algorithm: 'sha1', period: 30 };
  for (const part of uri.slice(question + 1).split('&')) {
    const equals = part.indexOf('=');
    if (equals < 0) throw new Error('bad value in otpauth uri');
    const key = decoded(part.slice(0, equals));
    const value = decoded(part.slice(equals + 1));
    if (key === 'secret') {
      const secret = fromBase32(value);
      if (secret === undefined) throw new Error('failed to decode otp secret in otpauth url');
      totp = { ...totp, secret };
    } else if (key === 'digits') totp = { ...totp, digits: wholeNumber(value, key, 255) };
    else if (key === 'period') totp = { ...totp, period: Math.max(1, wholeNumber(value, key, 2 ** 32)) };
    else if (key === 'algorithm') {
      const algorithm = ALGORITHMS.find((one) => one === value.toLowerCase());
      if (!algorithm) throw new Error("failed to parse value 'algorithm'");
      totp = { ...totp, algorithm };
    } else if (key !== 'issuer') throw new Error(`unknown otpauth uri parameter: '${key}'`);
  }
  if (totp.secret === '') throw new Error('missing secret in otpauth url');
  return totp;
}

/** The value of one period. */
export function totpValue(totp: Totp, count: number): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(count));
  const mac = createHmac(totp.algorithm, Buffer.from(totp.secret, 'hex')).update(counter).digest();
  const offset = (mac[mac.length - 1] ?? 0) & 0xf;
  const number = (mac.readUInt32BE(offset) & 0x7fffffff) % 10 ** Math.min(totp.digits, 10);
  return String(number).padStart(totp.digits, '0');
}

/** The period a value belongs to: this one, the last or the next; undefined where it fits none. */
export function matchTotp(totp: Totp, value: string, milliseconds: number): number | undefined {
  const now = Math.floor(milliseconds / 1000 / totp.period);
  return [now - 1, now, now + 1].find((count) => totpValue(totp, count) === value);
}
