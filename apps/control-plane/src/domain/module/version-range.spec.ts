import { compareNewestFirst, isInRange, newestInRanges } from './version-range.js';

describe('version ranges', () => {
  it.each<[string, string | undefined, boolean]>([
    ['15.6', '>=15', true],
    ['13', '>=15', false],
    ['2024-02-06b', '>=2024', true],
    ['v1.2', '^1.0.0', true],
    ['32.0.3+dfsg', '^32', true],
    ['stable', '>=1', false],
    ['stable', '*', true],
    ['stable', undefined, true],
  ])('%s in %s: %s', (version, range, expected) => {
    expect(isInRange(version, range)).toBe(expected);
  });

  it('choose the newest version that lies in all ranges', () => {
    const versions = ['1.9.0', '1.10.0', '2.0.0'].sort(compareNewestFirst).map((version) => ({ version }));
    expect(versions.map((v) => v.version)).toEqual(['2.0.0', '1.10.0', '1.9.0']);
    expect(newestInRanges(versions, ['^1'])?.version).toBe('1.10.0');
    expect(newestInRanges(versions, ['^1', '<1.10'])?.version).toBe('1.9.0');
    expect(newestInRanges(versions, ['^3'])).toBeUndefined();
  });
});
