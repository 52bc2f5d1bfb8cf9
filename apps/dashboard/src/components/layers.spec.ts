import { layersOf } from './layers.js';

describe('layers of a graph', () => {
  it('what stands on others is drawn after them', () => {
    const layers = layersOf(
      ['wiki', 'sso', 'directory'],
      [
        { from: 'wiki', to: 'sso' },
        { from: 'wiki', to: 'directory' },
        { from: 'sso', to: 'directory' },
      ],
    );
    expect(Object.fromEntries(layers)).toEqual({ directory: 0, sso: 1, wiki: 2 });
  });

  it('a circle has layers too', () => {
    expect(
      layersOf(
        ['a', 'b'],
        [
          { from: 'a', to: 'b' },
          { from: 'b', to: 'a' },
        ],
      ).size,
    ).toBe(2);
  });
});
