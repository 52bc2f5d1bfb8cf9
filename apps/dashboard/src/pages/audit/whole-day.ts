/** Midnight of a day as the browser's date field writes it, where one is. A year half typed (`0202`) is a day too: no act is older than 1970. */
export const startOf = (day: string): number => Math.max(0, new Date(`${day}T00:00`).getTime());

/** The last millisecond of that day: when the clocks change, it has 23 hours or 25. */
export function endOf(day: string): number {
  const next = new Date(startOf(day));
  next.setDate(next.getDate() + 1);
  return next.getTime() - 1;
}
