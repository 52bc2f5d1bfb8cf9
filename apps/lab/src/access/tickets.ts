/** Tickets, CSRF tokens and console tickets: signed with a secret of this lab, valid two hours (consoles: forty seconds). */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Journal } from '../state/journal.js';

const LIFETIME = 2 * 3600;
const CONSOLE_LIFETIME = 40;
/** Seconds a clock may be behind. */
const GRACE = 60 * 5;

const hex = (seconds: number) => seconds.toString(16).toUpperCase().padStart(8, '0');
const equal = (left: string, right: string) =>
  left.length === right.length && timingSafeEqual(Buffer.from(left), Buffer.from(right));

export class Tickets {
  private readonly secret: Buffer;

  constructor(
    journal: Journal,
    private readonly now: () => number,
  ) {
    const kept = journal.get<string>('secret', 'tickets') ?? randomBytes(32).toString('base64');
    if (journal.get('secret', 'tickets') === undefined) journal.put('secret', 'tickets', kept);
    this.secret = Buffer.from(kept, 'base64');
  }

  private sign(text: string, bytes = 64): string {
    const rounds: Buffer[] = [];
    for (let round = 0; rounds.length * 64 < bytes; round += 1)
      rounds.push(createHmac('sha512', this.secret).update(`${round}:${text}`).digest());
    return Buffer.concat(rounds).subarray(0, bytes).toString('base64');
  }

  private seconds(): number {
    return Math.floor(this.now() / 1000);
  }

  private isFresh(stamp: string, lifetime: number): boolean {
    const age = this.seconds() - Number.parseInt(stamp, 16);
    return age > -GRACE && age < lifetime;
  }

  issue(userid: string): string {
    const plain = `PVE:${userid}:${hex(this.seconds())}`;
    return `${plain}::${this.sign(plain, 256)}`;
  }

  /** The user of a good ticket. */
  verify(ticket: string): string | undefined {
    const [, plain = '', userid, stamp = '', signature = ''] =
      /^(PVE:([^:\s]+):([0-9A-F]{8}))::([A-Za-z0-9+/=]+)$/.exec(ticket) ?? [];
    if (!userid || !equal(signature, this.sign(plain, 256)) || !this.isFresh(stamp, LIFETIME)) return undefined;
    return userid;
  }

  /** After a good password, until the second factor is answered: opens nothing by itself. */
  issueChallenge(userid: string, challenge: string): string {
    const plain = `PVE:!tfa!${challenge.replaceAll(':', '%3A')}:${hex(this.seconds())}`;
    return `${plain}::${this.sign(`${plain}:${userid}`, 256)}`;
  }

  verifyChallenge(userid: string, ticket: string): boolean {
    const [, plain = '', stamp = '', signature = ''] =
      /^(PVE:!tfa![^:]*:([0-9A-F]{8}))::([A-Za-z0-9+/=]+)$/.exec(ticket) ?? [];
    return plain !== '' && equal(signature, this.sign(`${plain}:${userid}`, 256)) && this.isFresh(stamp, LIFETIME);
  }

  csrf(userid: string): string {
    const stamp = hex(this.seconds());
    return `${stamp}:${this.sign(`csrf:${stamp}:${userid}`, 32).replace(/=+$/, '')}`;
  }

  verifyCsrf(userid: string, token: string): boolean {
    const [, stamp = '', signature = ''] = /^([0-9A-F]{8}):(\S+)$/.exec(token) ?? [];
    if (!stamp) return false;
    return (
      equal(signature, this.sign(`csrf:${stamp}:${userid}`, 32).replace(/=+$/, '')) && this.isFresh(stamp, LIFETIME)
    );
  }

  /** `path` is what the console belongs to: `/vms/100`. It is good for that port alone. */
  issueConsole(userid: string, path: string, port: number): string {
    const stamp = hex(this.seconds());
    return `PVEVNC:${stamp}::${this.sign(`console:${stamp}:${userid}:${path}:${port}`, 256)}`;
  }

  verifyConsole(userid: string, path: string, ticket: string, port: number): boolean {
    const [, stamp = '', signature = ''] = /^(?:.{8}:)?PVEVNC:([0-9A-F]{8})::(\S+)$/.exec(ticket) ?? [];
    if (!stamp) return false;
    return (
      equal(signature, this.sign(`console:${stamp}:${userid}:${path}:${port}`, 256)) &&
      this.isFresh(stamp, CONSOLE_LIFETIME)
    );
  }
}
