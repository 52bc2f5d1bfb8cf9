import { around, isIn, layOut, NODE, pathOf } from './layer-layout.js';

const nodes = [
  { id: 'a', layer: 0 },
  { id: 'b', layer: 1 },
  { id: 'c', layer: 1 },
  { id: 'far', layer: 40 },
];
const edges = [
  { from: 'a', to: 'b' },
  { from: 'a', to: 'c' },
  { from: 'c', to: 'far' },
  { from: 'gone', to: 'b' },
];

describe('a graph by layers', () => {
  const layout = layOut(nodes);

  it('puts each layer right of the one before, and no two nodes on each other', () => {
    for (const one of layout.placed) {
      for (const other of layout.placed) {
        if (one.node.layer < other.node.layer) expect(other.x).toBeGreaterThan(one.x + NODE.width);
        if (one !== other && one.x === other.x) expect(Math.abs(one.y - other.y)).toBeGreaterThan(NODE.height);
      }
      expect(one.x + NODE.width).toBeLessThanOrEqual(layout.width);
      expect(one.y + NODE.height).toBeLessThanOrEqual(layout.height);
    }
  });

  it('draws every edge whose ends are there', () => {
    expect(pathOf(layout, edges).match(/M/g)).toHaveLength(3);
  });

  it('leaves out nodes and edges that are out of sight', () => {
    const frame = { left: 0, top: 0, width: 500, height: 100 };
    expect(layout.placed.filter((one) => isIn(one, frame)).map(({ node }) => node.id)).toEqual(['a', 'b', 'c']);
    expect(pathOf(layout, [{ from: 'far', to: 'far' }], frame)).toBe('');
    expect(pathOf(layout, edges, frame).match(/M/g)).toHaveLength(3);
  });

  it('knows where nodes are that are to be seen', () => {
    expect(around(layout, ['b', 'c'])).toMatchObject({ width: NODE.width });
    expect(around(layout, ['nobody'])).toBeUndefined();
  });

  it('is there without nodes', () => {
    expect(layOut([])).toMatchObject({ placed: [] });
  });
});
