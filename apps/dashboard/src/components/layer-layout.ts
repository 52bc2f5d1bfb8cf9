/** Where the nodes of a graph by layers lie, in its own pixels: a column per layer, from left to right. Pure. */
export interface Placed<N> {
  readonly node: N;
  readonly x: number;
  readonly y: number;
}

export interface Layout<N> {
  readonly placed: readonly Placed<N>[];
  readonly byId: ReadonlyMap<string, Placed<N>>;
  readonly width: number;
  readonly height: number;
}

export interface Frame {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

export const NODE = { width: 190, height: 62 };
const GAP = { x: 60, y: 14 };
const EDGE = 16;
/** More edges than these are drawn only where one of their ends is in sight. */
export const MANY_EDGES = 2_000;

export function layOut<N extends { readonly id: string; readonly layer: number }>(nodes: readonly N[]): Layout<N> {
  const rows = new Map<number, number>();
  const placed = nodes.map((node) => {
    const row = rows.get(node.layer) ?? 0;
    rows.set(node.layer, row + 1);
    return { node, x: EDGE + node.layer * (NODE.width + GAP.x), y: EDGE + row * (NODE.height + GAP.y) };
  });
  return {
    placed,
    byId: new Map(placed.map((one) => [one.node.id, one])),
    width: Math.max(0, ...rows.keys()) * (NODE.width + GAP.x) + NODE.width + 2 * EDGE,
    height: Math.max(1, ...rows.values()) * (NODE.height + GAP.y) - GAP.y + 2 * EDGE,
  };
}

/** Whether a node is in a frame, or nearly. */
export const isIn = ({ x, y }: Placed<unknown>, { left, top, width, height }: Frame): boolean =>
  x + NODE.width >= left && x <= left + width && y + NODE.height >= top && y <= top + height;

/** All edges as one path. `frame`: what is in sight, for graphs with many. */
export function pathOf<N>(
  { byId }: Layout<N>,
  edges: readonly { readonly from: string; readonly to: string }[],
  frame?: Frame,
): string {
  let path = '';
  for (const { from, to } of edges) {
    const a = byId.get(from);
    const b = byId.get(to);
    if (!a || !b || (frame && !isIn(a, frame) && !isIn(b, frame))) continue;
    const [x1, y1] = [a.x + NODE.width, a.y + NODE.height / 2];
    const [x2, y2] = [b.x, b.y + NODE.height / 2];
    // One bend for neighbours, a wider one backwards.
    const bend = Math.max(30, Math.abs(x2 - x1) / 2);
    path += `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
  }
  return path;
}

/** The frame around some nodes; none when none of them is there. */
export function around<N>({ byId }: Layout<N>, ids: readonly string[]): Frame | undefined {
  const found = ids.flatMap((id) => byId.get(id) ?? []);
  if (found.length === 0) return undefined;
  const left = Math.min(...found.map(({ x }) => x));
  const top = Math.min(...found.map(({ y }) => y));
  return {
    left,
    top,
    width: Math.max(...found.map(({ x }) => x)) + NODE.width - left,
    height: Math.max(...found.map(({ y }) => y)) + NODE.height - top,
  };
}
