import type { AuditAct, AuditHead, AuditRow, ChainBreak } from '../../domain/audit/audit-chain.js';
import type { Instant } from '../../domain/ids.js';

export interface AuditFilter {
  readonly actor?: string;
  readonly action?: string;
  readonly site?: string;
  readonly since?: Instant;
  readonly until?: Instant;
  /** Only rows older than this one. */
  readonly before?: number;
  readonly limit: number;
}

/** Who did what: only ever grows. Throws `WorldFailure` when the database is away. */
export interface AuditLog {
  append(act: AuditAct): Promise<void>;
  /** Newest first. */
  list(filter: AuditFilter): Promise<readonly AuditRow[]>;
  /** All that fit, oldest first, a page in memory at a time; rows that come meanwhile are not among them. */
  stream(filter: Omit<AuditFilter, 'before' | 'limit'>, signal: AbortSignal): AsyncIterable<AuditRow>;
  /** Where the rows end, as it is kept beside them. */
  head(): Promise<AuditHead>;
  /** Whether `next` is the row that comes after `previous`, unchanged. */
  follows(previous: AuditHead, next: AuditRow): boolean;
  /** Reads the whole chain; `rows` is how many there are. */
  verify(): Promise<{ readonly intact: boolean; readonly rows: number; readonly firstBroken?: ChainBreak }>;
}
