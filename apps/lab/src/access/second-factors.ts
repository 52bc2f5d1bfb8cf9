/** Second factors of users: one-time passwords and recovery keys, how they are asked for at log-in, and when they lock. */
import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import type { Lab } from '../lab.js';
import { matchTotp, type Totp } from './totp.js';

interface Factor {
  readonly id: string;
  description: string;
  /** Unix seconds. */
  readonly created: number;
  enable: boolean;
}
interface TotpFactor extends Factor {
  readonly totp: Totp;
  /** Period of the last value that was taken: none counts twice. */
  lastCount: number;
}
export interface SecondFactors {
  totp: TotpFactor[];
  recovery?: { readonly created: number; readonly salt: string; entries: (string | null)[] };
  totpFailures: number;
  failures: number;
  totpLocked?: true;
  lockedUntil?: number;
}
export interface ShownFactor {
  readonly id: string;
  readonly type: 'totp' | 'recovery';
  readonly created: number;
  readonly description?: string;
  readonly enable?: 0;
}

const TOTP_FAILURES = 8;
const FAILURES = 100;
const LOCK_SECONDS = 3600;
const RECOVERY_KEYS = 10;

const hashed = (salt: string, key: string) => createHmac('sha256', salt).update(key).digest('hex');
const seconds = (lab: Lab) => Math.floor(lab.now() / 1000);

export const factorsOf = (lab: Lab, userid: string): SecondFactors | undefined =>
  lab.journal.get<SecondFactors>('tfa', userid);

const keep = (lab: Lab, userid: string, factors: SecondFactors) => lab.journal.put('tfa', userid, factors);

const fresh = (lab: Lab, userid: string): SecondFactors =>
  factorsOf(lab, userid) ?? { totp: [], totpFailures: 0, failures: 0 };

export const forgetFactors = (lab: Lab, userid: string) => lab.journal.delete('tfa', userid);

export function addTotp(lab: Lab, userid: string, description: string, totp: Totp): string {
  const factors = fresh(lab, userid);
  const id = randomUUID();
  factors.totp.push({ id, description, created: seconds(lab), enable: true, totp, lastCount: 0 });
  keep(lab, userid, factors);
  return id;
}

/** The keys in the only moment they can be read; undefined where there are some already. */
export function addRecovery(lab: Lab, userid: string): string[] | undefined {
  const factors = fresh(lab, userid);
  if (factors.recovery) return undefined;
  const keys = Array.from({ length: RECOVERY_KEYS }, () =>
    (randomBytes(8).toString('hex').match(/.{4}/g) ?? []).join('-'),
  );
  const salt = randomBytes(8).toString('hex');
  factors.recovery = { created: seconds(lab), salt, entries: keys.map((key) => hashed(salt, key)) };
  keep(lab, userid, factors);
  return keys;
}

/** Whether it was there. */
export function changeFactor(lab: Lab, userid: string, id: string, description?: string, enable?: boolean): boolean {
  const factors = factorsOf(lab, userid);
  const factor = factors?.totp.find((one) => one.id === id);
  if (!factors || !factor) return false;
  factor.description = description ?? factor.description;
  factor.enable = enable ?? factor.enable;
  keep(lab, userid, factors);
  return true;
}

/** Undefined where it was not there, else how many are left. */
export function removeFactor(lab: Lab, userid: string, id: string): number | undefined {
  const factors = factorsOf(lab, userid);
  if (!factors || !shownFactors(factors).some((one) => one.id === id)) return undefined;
  if (id === 'recovery') delete factors.recovery;
  else factors.totp = factors.totp.filter((one) => one.id !== id);
  const left = shownFactors(factors).length;
  if (left > 0) keep(lab, userid, factors);
  else forgetFactors(lab, userid);
  return left;
}

export function shownFactors({ totp, recovery }: SecondFactors): ShownFactor[] {
  return [
    ...(recovery ? [{ id: 'recovery', type: 'recovery' as const, created: recovery.created }] : []),
    ...totp.map(({ id, description, created, enable }) => ({
      id,
      type: 'totp' as const,
      created,
      ...(description === '' ? {} : { description }),
      ...(enable ? {} : { enable: 0 as const }),
    })),
  ];
}

const isLocked = (lab: Lab, factors: SecondFactors) =>
  factors.lockedUntil !== undefined && factors.lockedUntil >= seconds(lab);

/** Fields of lists that tell of a lock. */
export const shownLock = (lab: Lab, factors: SecondFactors | undefined) => ({
  ...(factors?.totpLocked ? { 'totp-locked': 1 } : {}),
  ...(factors && isLocked(lab, factors) ? { 'tfa-locked-until': factors.lockedUntil } : {}),
});

/** Whether there was a lock; undefined for a user without second factors. */
export function unlock(lab: Lab, userid: string): boolean | undefined {
  const factors = factorsOf(lab, userid);
  if (!factors) return undefined;
  const was = factors.totpLocked === true || isLocked(lab, factors);
  const { totpLocked: _totp, lockedUntil: _all, ...rest } = factors;
  keep(lab, userid, { ...rest, totpFailures: 0, failures: 0 });
  return was;
}

/** What a log-in has to answer, as the text inside its ticket; undefined where the password is enough. */
export function challengeOf(lab: Lab, userid: string): string | undefined {
  const factors = factorsOf(lab, userid);
  const totp = factors?.totp.some((one) => one.enable) ?? false;
  const recovery = factors?.recovery?.entries.flatMap((entry, index) => (entry === null ? [] : [index]));
  if (!totp && !recovery) return undefined;
  return JSON.stringify({ ...(totp ? { totp } : {}), ...(recovery ? { recovery } : {}) });
}

function takeTotp(lab: Lab, factors: SecondFactors, value: string): boolean {
  for (const one of factors.totp.filter((entry) => entry.enable)) {
    const count = matchTotp(one.totp, value, lab.now());
    if (count === undefined) continue;
    if (count <= one.lastCount) return false;
    one.lastCount = count;
    factors.totpFailures = 0;
    return true;
  }
  return false;
}

function takeRecovery({ recovery }: SecondFactors, key: string): boolean {
  const index = recovery?.entries.indexOf(hashed(recovery.salt, key)) ?? -1;
  if (!recovery || index < 0) return false;
  recovery.entries[index] = null;
  return true;
}

/** `totp:123456` or `recovery:0123-…`. Too many wrong ones lock the user's one-time passwords, then everything for an hour. */
export function verifyResponse(lab: Lab, userid: string, response: string): boolean {
  const factors = factorsOf(lab, userid);
  const [, kind = '', value = ''] = /^(totp|recovery):(.*)$/s.exec(response) ?? [];
  if (!factors || kind === '' || isLocked(lab, factors) || (kind === 'totp' && factors.totpLocked)) return false;
  const good = kind === 'totp' ? takeTotp(lab, factors, value) : takeRecovery(factors, value);
  if (good) {
    factors.failures = 0;
    if (kind === 'recovery') {
      factors.totpFailures = 0;
      delete factors.totpLocked;
      delete factors.lockedUntil;
    }
  } else {
    factors.failures += 1;
    if (kind === 'totp') factors.totpFailures += 1;
    if (kind === 'totp' && factors.totpFailures >= TOTP_FAILURES) factors.totpLocked = true;
    if (factors.failures >= FAILURES) factors.lockedUntil = seconds(lab) + LOCK_SECONDS;
  }
  keep(lab, userid, factors);
  return good;
}
