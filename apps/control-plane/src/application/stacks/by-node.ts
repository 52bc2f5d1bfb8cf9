/** Guests of one node that are asked at the same time. */
const AT_ONCE = 3;

/**
 * Does `work` for every item, some of each node at once. Each node has its own lane: one that hangs holds up nobody but
 * its own guests.
 */
export async function byNode<T>(
  items: readonly T[],
  nodeOf: (item: T) => string,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const lanes = new Map<string, T[]>();
  for (const item of items) {
    const lane = lanes.get(nodeOf(item));
    if (lane) lane.push(item);
    else lanes.set(nodeOf(item), [item]);
  }
  const walk = async (lane: T[]): Promise<void> => {
    for (let next = lane.shift(); next !== undefined; next = lane.shift()) await work(next);
  };
  await Promise.all([...lanes.values()].flatMap((lane) => Array.from({ length: AT_ONCE }, () => walk(lane))));
}
