import { sql } from 'kysely';
import { privatePostgres } from '../../../test/engine/private-servers.js';
import type { AuditAct } from '../../domain/audit/audit-chain.js';
import { type Database, openDatabase } from './database.js';
import { KyselyAuditLog } from './kysely-audit-log.js';
import { migrate } from './migrate.js';

describe('the audit on PostgreSQL', () => {
  const postgres = privatePostgres();
  let database: Database;
  let log: KyselyAuditLog;
  let now = 1_700_000_000_000;
  beforeAll(async () => {
    database = openDatabase({ url: postgres.url });
    await migrate(database.db);
    log = new KyselyAuditLog(database, { now: () => now++ }, 'a key');
  });
  afterAll(() => database.close());

  const act = (subject: string, more: Partial<AuditAct> = {}): AuditAct => ({
    actor: 'anna',
    actorKind: 'account',
    action: 'plan.applied',
    subject,
    outcome: 'done',
    ...more,
  });
  /** What somebody with the database's own rights does, triggers switched off, taken back afterwards. */
  const tamperedWith = async (statement: string): Promise<Awaited<ReturnType<KyselyAuditLog['verify']>>> => {
    const undo = new Error('taken back');
    let verdict: Awaited<ReturnType<KyselyAuditLog['verify']>> | undefined;
    await database.db
      .transaction()
      .execute(async (tx) => {
        await sql.raw(`set local session_replication_role = replica`).execute(tx);
        await sql.raw(statement).execute(tx);
        const inside = { transaction: () => ({ setIsolationLevel: () => ({ execute: (work: any) => work(tx) }) }) };
        verdict = await new KyselyAuditLog({ db: inside as any }, { now: () => 0 }, 'a key').verify();
        throw undo;
      })
      .catch((error: unknown) => {
        if (error !== undo) throw error;
      });
    return verdict!;
  };

  it('keeps acts as one unbroken chain, also when many are written at once', async () => {
    await Promise.all(Array.from({ length: 40 }, (_, index) => log.append(act(`plan ${index}`))));
    expect(await log.verify()).toEqual({ intact: true, rows: 40 });
    const rows = await log.list({ limit: 100 });
    expect(rows.map(({ seq }) => seq)).toEqual(Array.from({ length: 40 }, (_, index) => 40 - index));
  });

  it('takes hostile text, and still verifies', async () => {
    const hostile = `<script>\0\ud800 \u202e\u001b[2J${'x'.repeat(10_000)}`;
    await log.append(act(hostile, { site: 'town', address: '127.0.0.1', details: { b: hostile, a: 1, c: false } }));
    expect(await log.verify()).toEqual({ intact: true, rows: 41 });
    expect((await log.list({ site: 'town', limit: 5 }))[0]!.subject.length).toBeLessThan(600);
  });

  it('finds rows by who, what, where and when', async () => {
    await log.append(act('town', { actor: 'bert', action: 'site.connected', site: 'village', outcome: 'refused' }));
    const [row] = await log.list({ actor: 'bert', limit: 10 });
    expect(row).toMatchObject({
      seq: 42,
      actor: 'bert',
      action: 'site.connected',
      site: 'village',
      outcome: 'refused',
    });
    expect(await log.list({ action: 'site.connected', since: row!.at, until: row!.at + 1, limit: 10 })).toEqual([row]);
    expect((await log.list({ before: 3, limit: 10 })).map(({ seq }) => seq)).toEqual([2, 1]);
  });

  it.each([
    `update audit_entries set actor = 'nobody' where seq = 5`,
    `delete from audit_entries where seq = 5`,
    `truncate audit_entries`,
    `update audit_head set rows = 1`,
    `delete from audit_head`,
    `truncate audit_head`,
  ])('is refused by the database: %s', async (statement) => {
    await expect(sql.raw(statement).execute(database.db)).rejects.toThrow('the audit only grows');
    expect(await log.verify()).toMatchObject({ intact: true });
  });

  it.each([
    ['a changed row', `update audit_entries set actor = 'nobody' where seq = 5`, 5, 'changed'],
    ['a changed time', `update audit_entries set at = at + interval '1 second' where seq = 6`, 6, 'changed'],
    ['a missing row', `delete from audit_entries where seq = 7`, 7, 'missing'],
    ['a missing first row', `delete from audit_entries where seq = 1`, 1, 'missing'],
    [
      'two rows that changed places',
      `update audit_entries set seq = case seq when 8 then -9 else -8 end where seq in (8, 9);
       update audit_entries set seq = -seq where seq < 0`,
      8,
      'changed',
    ],
    ['an end cut off', `delete from audit_entries where seq > 30`, 31, 'truncated'],
    ['an emptied table', `delete from audit_entries`, 1, 'truncated'],
    [
      'an end cut off together with the kept head',
      `delete from audit_entries where seq > 30; update audit_head set rows = 30`,
      30,
      'changed',
    ],
    [
      'a row put behind the end',
      `insert into audit_entries select 43, at, actor, actor_kind, address, action, subject, site, outcome, details, hash
       from audit_entries where seq = 42`,
      43,
      'changed',
    ],
  ])('%s is found by verify, even with triggers switched off', async (_, statement, seq, reason) => {
    expect(await tamperedWith(statement)).toMatchObject({ intact: false, firstBroken: { seq, reason } });
    expect(await log.verify()).toEqual({ intact: true, rows: 42 });
  });

  it('a chain sealed with another key does not verify', async () => {
    const other = new KyselyAuditLog(database, { now: () => 0 }, 'another key');
    expect(await other.verify()).toMatchObject({ intact: false, firstBroken: { seq: 1, reason: 'changed' } });
  });

  it('gives out all rows without a limit, a page at a time, and stops when nobody reads on', async () => {
    await database.db.transaction().execute(async (tx) => {
      await sql`
        insert into audit_entries (seq, at, actor, actor_kind, action, subject, outcome, hash)
        select g, now(), 'bert', 'account', 'a.b', 'many', 'done', '' from generate_series(43, 3042) as g`.execute(tx);
      await sql`set local session_replication_role = replica`.execute(tx);
      await sql`update audit_head set rows = 3042`.execute(tx);
    });
    const read = async (filter: object, most = Number.POSITIVE_INFINITY): Promise<number[]> => {
      const seqs: number[] = [];
      for await (const row of log.stream(filter, new AbortController().signal)) {
        seqs.push(row.seq);
        if (seqs.length >= most) break;
      }
      return seqs;
    };
    expect(await read({})).toEqual(Array.from({ length: 3042 }, (_, index) => index + 1));
    expect(await read({ actor: 'bert', action: 'site.connected' })).toEqual([42]);
    expect(await read({}, 3)).toEqual([1, 2, 3]);
    const aborted = log.stream({}, AbortSignal.abort())[Symbol.asyncIterator]();
    await expect(aborted.next()).rejects.toThrow(/abort/i);
  });
});
