import { isReservedName } from '../../domain/account/account.js';
import type { AccountRole, Grant } from '../../domain/account/roles.js';
import type { Instant } from '../../domain/ids.js';
import { Refusal } from '../../domain/problem.js';
import type { Clock, NewId } from '../clock.port.js';
import type { SecretSource } from '../secrets/secret-store.port.js';

/** What is kept of a token: never the token itself, only its SHA-256. It has 256 random bits, so no salt is needed. */
export interface ApiToken extends Grant {
  readonly id: string;
  readonly name: string;
  readonly createdAt: Instant;
  readonly expiresAt: Instant;
  readonly lastUsedAt?: Instant;
  /** Who made it. */
  readonly by: string;
}

export interface ApiTokenRows {
  insert(token: ApiToken, hash: string): Promise<void>;
  /** Newest first. */
  list(): Promise<readonly ApiToken[]>;
  findByHash(hash: string): Promise<ApiToken | undefined>;
  used(id: string, at: Instant): Promise<void>;
  /** False when there was none. */
  remove(id: string): Promise<boolean>;
}

const LONGEST_MS = 366 * 24 * 3600_000;
/** A token in steady use does not write a row per request. */
const USED_EVERY_MS = 60_000;

const invalidField = (field: string, message: string, remedy: string): Refusal =>
  new Refusal({
    code: 'request.invalid',
    subject: field,
    message: `${field} ${message}.`,
    remedy,
    details: { fields: [{ field, message }] },
  });

/** Tokens for programs: one role, on one site or all, until a day. */
export class ApiTokens {
  constructor(
    private readonly rows: ApiTokenRows,
    private readonly clock: Pick<Clock, 'now'>,
    private readonly newId: NewId,
    private readonly random: SecretSource,
    private readonly sha256: (text: string) => string,
    private readonly sites: { getSite(name: string): Promise<object | undefined> },
  ) {}

  /** The answer alone carries the token. */
  async create(wanted: {
    readonly name: string;
    readonly role: AccountRole;
    readonly site: string | null;
    readonly expiresAt: Instant;
    readonly by: string;
    /** The end of the token that asks for it: none makes one that outlives it. */
    readonly until?: Instant;
  }): Promise<ApiToken & { readonly token: string }> {
    const now = this.clock.now();
    const { until, ...asked } = wanted;
    if (until !== undefined && wanted.expiresAt > until)
      throw invalidField(
        'expiresAt',
        'must not lie after the end of the token that asks',
        'Choose an earlier time, or make it as a person.',
      );
    if (wanted.expiresAt <= now || wanted.expiresAt > now + LONGEST_MS) {
      throw invalidField('expiresAt', 'must be in the future, at most 366 days from now', 'Choose another day.');
    }
    if (isReservedName(wanted.name)) throw invalidField('name', 'is reserved', 'Choose another name.');
    if (wanted.site !== null && !(await this.sites.getSite(wanted.site)))
      throw invalidField('site', 'is not connected', 'Choose one of the sites that are.');
    const token = `bst_${this.random.generate({ length: 43, alphabet: 'base64url' })}`;
    const kept: ApiToken = { id: this.newId.next('tok'), createdAt: now, ...asked };
    await this.rows.insert(kept, this.sha256(token));
    return { ...kept, token };
  }

  list(): Promise<readonly ApiToken[]> {
    return this.rows.list();
  }

  async remove(id: string): Promise<void> {
    if (await this.rows.remove(id)) return;
    throw new Refusal({
      code: 'not_found',
      subject: `token ${id}`,
      message: 'There is no such token.',
      remedy: 'Look at the list of tokens.',
    });
  }

  /** The token's row, unless it is unknown, removed or expired. */
  async find(token: string): Promise<ApiToken | undefined> {
    if (!token.startsWith('bst_')) return undefined;
    const found = await this.rows.findByHash(this.sha256(token));
    const now = this.clock.now();
    if (!found || found.expiresAt <= now) return undefined;
    if ((found.lastUsedAt ?? 0) + USED_EVERY_MS < now) await this.rows.used(found.id, now);
    return found;
  }
}
