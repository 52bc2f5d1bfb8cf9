/** The layer of each node of a graph without circles: one more than the highest of those it stands on. A circle ends at layer 0. */
export function layersOf(
  nodes: readonly string[],
  edges: readonly { from: string; to: string }[],
): Map<string, number> {
  const below = new Map<string, string[]>();
  for (const { from, to } of edges) below.set(from, [...(below.get(from) ?? []), to]);
  const found = new Map<string, number>();
  const look = (id: string, path: ReadonlySet<string>): number => {
    const known = found.get(id);
    if (known !== undefined) return known;
    if (path.has(id)) return 0;
    const on = new Set([...path, id]);
    const layer = Math.max(-1, ...(below.get(id) ?? []).map((next) => look(next, on))) + 1;
    found.set(id, layer);
    return layer;
  };
  for (const id of nodes) look(id, new Set());
  return found;
}
