/** Units of documents: sizes in binary units, durations. The patterns are checked by `IsSize` and `IsDuration` before. */
const MIB = { MiB: 1, GiB: 1024, TiB: 1024 * 1024 } as const;
const MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** `4GiB` → 4096. */
export function mebibytes(text: string): number {
  const [, amount, unit] = /^(\d+)(MiB|GiB|TiB)$/.exec(text)!;
  return Number(amount) * MIB[unit as keyof typeof MIB];
}

/** `512MiB` → 1: disks come in whole GiB, rounded up. */
export const gibibytes = (text: string): number => Math.ceil(mebibytes(text) / 1024);

/** `15m` → 900000. */
export function milliseconds(text: string): number {
  const [, amount, unit] = /^(\d+)(ms|s|m|h|d)$/.exec(text)!;
  return Number(amount) * MS[unit as keyof typeof MS];
}
