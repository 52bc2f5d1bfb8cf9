import type { Account } from '../../domain/account/account.js';
import { networkOf } from '../../domain/account/network.js';
import type { Instant } from '../../domain/ids.js';
import { type NotificationEvent, plainLine } from '../../domain/notification/event.js';
import type { AuditLog } from '../audit/audit-log.port.js';
import type { Clock } from '../clock.port.js';
import type { Origin } from './sessions.js';

export interface KnownDeviceStore {
  /**
   * Notes that somebody came in with these marks. `known`: one of them was seen with the account since `knownSince`;
   * `first`: nothing was ever seen of the account; `new`: neither.
   */
  seen(
    accountId: string,
    marks: readonly string[],
    at: Instant,
    knownSince: Instant,
  ): Promise<'known' | 'first' | 'new'>;
  /** Whether whoever has this name came in with that mark since then. */
  knows(name: string, mark: string, knownSince: Instant): Promise<boolean>;
}

/** A name of a program has none of this; an address that a mail would make a link of does. */
const NO_NAME = /[^\w .;(),-]+/g;
const KNOWN_MS = 180 * 24 * 3_600_000;

/**
 * What people come in with: a browser by a cookie of its own, a program by where it asks from and what it says it is.
 * Somebody who comes in with something that was never seen is told of it, once.
 */
export class KnownDevices {
  constructor(
    private readonly store: KnownDeviceStore,
    private readonly clock: Pick<Clock, 'now'>,
    private readonly sha256: (text: string) => string,
    private readonly audit: Pick<AuditLog, 'append'>,
    private readonly news: { record(events: readonly NotificationEvent[]): Promise<void> },
  ) {}

  async arrived(account: Account, { address, userAgent, device }: Origin): Promise<void> {
    const now = this.clock.now();
    const place = this.sha256(JSON.stringify(['place', networkOf(address), userAgent.slice(0, 300)]));
    const marks = device === undefined ? [place] : [device, place];
    if ((await this.store.seen(account.id, marks, now, now - KNOWN_MS)) !== 'new') return;
    const program = plainLine(userAgent.replace(NO_NAME, ' '), 120);
    const where = plainLine(address, 60);
    await this.audit.append({
      actor: account.name,
      actorKind: 'account',
      address,
      action: 'session.new_device',
      subject: account.name,
      outcome: 'done',
      details: { userAgent: program },
    });
    const { email, language } = account;
    await this.news.record([
      {
        kind: 'new-device',
        key: `new-device/${account.id}/${marks[0]}`,
        at: now,
        facts: { account: account.name, address: where, program },
        ...(email === undefined ? {} : { person: { email, ...(language ? { language } : {}) } }),
      },
    ]);
  }

  /** Whether whoever has this name came in with this very browser before. Where from is no proof: others sit there too. */
  async knows(name: string, { device }: Pick<Origin, 'device'>): Promise<boolean> {
    return device !== undefined && (await this.store.knows(name, device, this.clock.now() - KNOWN_MS));
  }
}
