export const say = (text: string): void => void process.stdout.write(`${text}\n`);

/** Least, middle, 99th of a hundred, most. */
export function ranks(given: readonly number[]): string {
  if (given.length === 0) return 'none';
  const sorted = [...given].sort((a, b) => a - b);
  const at = (share: number): number => Math.round(sorted[Math.floor((sorted.length - 1) * share)] ?? 0);
  return `min ${at(0)}, median ${at(0.5)}, p99 ${at(0.99)}, longest ${at(1)} ms`;
}
