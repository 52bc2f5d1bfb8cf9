import type { CallContext, Figure, FigureRange, GuestLocation } from '../../application/substrates/substrate.port.js';
import type { Connection } from './connection.js';
import { guestApi } from './guest-finder.js';

/** History of a guest from the node's round-robin database; times are seconds there. */
export async function figures(
  connection: Connection,
  at: GuestLocation,
  range: FigureRange,
  context: CallContext,
): Promise<readonly Figure[]> {
  const guest = guestApi(connection, at, context);
  const rows = (await guest.rrddata.$get({ timeframe: range, cf: 'AVERAGE' })) as unknown as Record<string, unknown>[];
  return toFigures(rows);
}

/** Rows without `cpu` are times at which the guest did not run, or nobody looked. */
export function toFigures(rows: readonly Record<string, unknown>[]): readonly Figure[] {
  const number = (value: unknown): number => Number(value ?? 0);
  return rows
    .filter((row) => row.cpu !== undefined && row.cpu !== null)
    .map((row) => ({
      at: number(row.time) * 1000,
      cpu: number(row.cpu),
      memoryBytes: number(row.mem),
      memoryMaxBytes: number(row.maxmem),
      diskBytes: number(row.disk),
      diskMaxBytes: number(row.maxdisk),
      netIn: number(row.netin),
      netOut: number(row.netout),
    }));
}
