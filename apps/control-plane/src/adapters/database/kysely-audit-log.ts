import { createHmac } from 'node:crypto';
import type { Selectable } from 'kysely';
import type { AuditFilter, AuditLog } from '../../application/audit/audit-log.port.js';
import type { Clock } from '../../application/clock.port.js';
import {
  type AuditAct,
  type AuditHead,
  type AuditRow,
  compareHead,
  EMPTY_CHAIN,
  followChain,
  sealedText,
} from '../../domain/audit/audit-chain.js';
import { type Database, reach } from './database.js';
import type { AuditEntriesTable } from './schema.js';

const PAGE = 1000;
const LONGEST_TEXT = 500;

/**
 * The audit in PostgreSQL. Rows are sealed with HMAC-SHA-256 under a key that is not in the database in the clear: whoever can
 * write tables, triggers switched off, still cannot make a chain that verifies.
 */
export class KyselyAuditLog implements AuditLog {
  constructor(
    private readonly database: Pick<Database, 'db'>,
    private readonly clock: Pick<Clock, 'now'>,
    private readonly key: string,
  ) {}

  async append(act: AuditAct): Promise<void> {
    await reach(() =>
      this.database.db.transaction().execute(async (tx) => {
        // The lock on the head is the order of the chain; it is held for two short statements.
        const head = await tx.selectFrom('audit_head').selectAll().forUpdate().executeTakeFirstOrThrow();
        const entry = { ...cleaned(act), seq: Number(head.rows) + 1, at: this.clock.now() };
        const hash = this.#seal(sealedText(entry, head.hash));
        await tx
          .insertInto('audit_entries')
          .values({
            seq: entry.seq,
            at: new Date(entry.at),
            actor: entry.actor,
            actor_kind: entry.actorKind,
            address: entry.address ?? null,
            action: entry.action,
            subject: entry.subject,
            site: entry.site ?? null,
            outcome: entry.outcome,
            details: entry.details ? JSON.stringify(entry.details) : null,
            hash,
          })
          .execute();
        await tx.updateTable('audit_head').set({ rows: entry.seq, hash }).execute();
      }),
    );
  }

  async list(filter: AuditFilter): Promise<readonly AuditRow[]> {
    let query = this.#matching(filter);
    if (filter.before !== undefined) query = query.where('seq', '<', String(filter.before));
    const rows = await reach(() => query.orderBy('seq', 'desc').limit(filter.limit).execute());
    return rows.map(toAuditRow);
  }

  async *stream(filter: Omit<AuditFilter, 'before' | 'limit'>, signal: AbortSignal): AsyncIterable<AuditRow> {
    const head = await reach(() => this.database.db.selectFrom('audit_head').select('rows').executeTakeFirstOrThrow());
    for (let last = '0'; ; ) {
      signal.throwIfAborted();
      const rows = await reach(() =>
        this.#matching(filter)
          .where('seq', '>', last)
          .where('seq', '<=', head.rows)
          .orderBy('seq')
          .limit(PAGE)
          .execute(),
      );
      for (const row of rows) yield toAuditRow(row);
      const end = rows.at(-1);
      if (!end || rows.length < PAGE) return;
      last = end.seq;
    }
  }

  async head(): Promise<AuditHead> {
    const { db } = this.database;
    const kept = await reach(() => db.selectFrom('audit_head').selectAll().executeTakeFirst());
    return kept ? { rows: Number(kept.rows), hash: kept.hash } : EMPTY_CHAIN;
  }

  follows(previous: AuditHead, next: AuditRow): boolean {
    return 'rows' in followChain(previous, [next], (text) => this.#seal(text));
  }

  #matching(filter: Omit<AuditFilter, 'before' | 'limit'>) {
    let query = this.database.db.selectFrom('audit_entries').selectAll();
    if (filter.actor !== undefined) query = query.where('actor', '=', filter.actor);
    if (filter.action !== undefined) query = query.where('action', '=', filter.action);
    if (filter.site !== undefined) query = query.where('site', '=', filter.site);
    if (filter.since !== undefined) query = query.where('at', '>=', new Date(filter.since));
    if (filter.until !== undefined) query = query.where('at', '<', new Date(filter.until));
    return query;
  }

  verify(): ReturnType<AuditLog['verify']> {
    // One snapshot for rows and head: whoever appends meanwhile is no break.
    return reach(() =>
      this.database.db
        .transaction()
        .setIsolationLevel('repeatable read')
        .execute(async (tx) => {
          const kept = await tx.selectFrom('audit_head').selectAll().executeTakeFirst();
          const { count } = await tx
            .selectFrom('audit_entries')
            .select((select) => select.fn.countAll().as('count'))
            .executeTakeFirstOrThrow();
          let end: AuditHead = EMPTY_CHAIN;
          for (let last = Number.MIN_SAFE_INTEGER; ; ) {
            const rows = await tx
              .selectFrom('audit_entries')
              .selectAll()
              .where('seq', '>', String(last))
              .orderBy('seq')
              .limit(PAGE)
              .execute();
            const next = followChain(end, rows.map(toAuditRow), (text) => this.#seal(text));
            if ('reason' in next) return { intact: false, rows: Number(count), firstBroken: next };
            end = next;
            if (rows.length < PAGE) break;
            last = end.rows;
          }
          const firstBroken = compareHead(end, kept ? { rows: Number(kept.rows), hash: kept.hash } : EMPTY_CHAIN);
          return { intact: firstBroken === undefined, rows: Number(count), ...(firstBroken ? { firstBroken } : {}) };
        }),
    );
  }

  #seal(text: string): string {
    return createHmac('sha256', this.key).update(text).digest('hex');
  }
}

/** What PostgreSQL would store differently (NUL, half surrogates) would not verify later; what is endless is cut. */
const plain = (text: string): string =>
  Buffer.from(text.slice(0, LONGEST_TEXT).replaceAll('\0', '\ufffd'), 'utf8').toString('utf8');

function cleaned(act: AuditAct): AuditAct {
  const details = Object.entries(act.details ?? {}).map(
    ([key, value]) => [plain(key), typeof value === 'string' ? plain(value) : value] as const,
  );
  return {
    ...act,
    actor: plain(act.actor),
    action: plain(act.action),
    subject: plain(act.subject),
    ...(act.address === undefined ? {} : { address: plain(act.address) }),
    ...(act.site === undefined ? {} : { site: plain(act.site) }),
    ...(act.details ? { details: Object.fromEntries(details) } : {}),
  };
}

const toAuditRow = (row: Selectable<AuditEntriesTable>): AuditRow => ({
  seq: Number(row.seq),
  at: row.at.getTime(),
  actor: row.actor,
  actorKind: row.actor_kind,
  ...(row.address === null ? {} : { address: row.address }),
  action: row.action,
  subject: row.subject,
  ...(row.site === null ? {} : { site: row.site }),
  outcome: row.outcome,
  ...(row.details === null ? {} : { details: row.details }),
  hash: row.hash,
});
