import type { Instant } from '../ids.js';

/** One act, as the audit keeps it. `action` is dotted words: `plan.applied`, `secret.revealed`. No secret ever. */
export interface AuditAct {
  readonly actor: string;
  readonly actorKind: 'account' | 'token' | 'local' | 'system';
  /** Where the request came from. */
  readonly address?: string;
  readonly action: string;
  readonly subject: string;
  readonly site?: string;
  /** `failed`: a fault of ours or of the world; whether something was done is not known. */
  readonly outcome: 'done' | 'refused' | 'failed';
  readonly details?: { readonly [key: string]: string | number | boolean };
}

/** `seq` counts from 1 without a gap; `hash` seals the entry and the hash of the one before it. */
export interface AuditEntry extends AuditAct {
  readonly seq: number;
  readonly at: Instant;
}

export interface AuditRow extends AuditEntry {
  readonly hash: string;
}

/** What is kept of the end of the chain: a row cut off there leaves no other trace. */
export interface AuditHead {
  readonly rows: number;
  readonly hash: string;
}

export const EMPTY_CHAIN: AuditHead = { rows: 0, hash: '' };

/** The text that is sealed: every field at its place, so that no two entries give the same one. */
export function sealedText(entry: AuditEntry, previous: string): string {
  const { seq, at, actor, actorKind, address, action, subject, site, outcome, details } = entry;
  const facts = Object.entries(details ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([
    previous,
    seq,
    at,
    actor,
    actorKind,
    address ?? null,
    action,
    subject,
    site ?? null,
    outcome,
    facts,
  ]);
}

/** Where a chain is broken: the number that should have come, and why it is not it. */
export interface ChainBreak {
  readonly seq: number;
  readonly reason: 'missing' | 'changed' | 'truncated' | 'unexpected';
}

/** Checks the next rows (ascending) after `before`; answers with the new end, or the first break. */
export function followChain(
  before: AuditHead,
  rows: readonly AuditRow[],
  seal: (text: string) => string,
): AuditHead | ChainBreak {
  let end = before;
  for (const row of rows) {
    const expected = end.rows + 1;
    if (row.seq !== expected) return { seq: expected, reason: 'missing' };
    if (seal(sealedText(row, end.hash)) !== row.hash) return { seq: expected, reason: 'changed' };
    end = { rows: expected, hash: row.hash };
  }
  return end;
}

/** Compares where the rows end with the kept head. */
export function compareHead(end: AuditHead, head: AuditHead): ChainBreak | undefined {
  if (end.rows < head.rows) return { seq: end.rows + 1, reason: 'truncated' };
  if (end.rows > head.rows) return { seq: head.rows + 1, reason: 'unexpected' };
  return end.hash === head.hash ? undefined : { seq: end.rows, reason: 'changed' };
}
