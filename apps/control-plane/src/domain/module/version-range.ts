import semver from 'semver';

/**
 * Whether an upstream's version lies in a SemVer range. Upstreams write versions in many ways (`15.20`, `v2024-02-06`,
 * `32.0.3+dfsg`), so they are coerced first; one that has no number in it lies in no range but `*`.
 */
export function isInRange(version: string, range: string | undefined): boolean {
  if (range === undefined || range.trim() === '' || range.trim() === '*') return true;
  const exact = semver.valid(version) ?? semver.coerce(version)?.version;
  return exact !== undefined && semver.satisfies(exact, range, { includePrerelease: true });
}

/** Newest first; versions that are no SemVer come last, in text order. */
export function compareNewestFirst(a: string, b: string): number {
  const [left, right] = [semver.coerce(a, { includePrerelease: true }), semver.coerce(b, { includePrerelease: true })];
  if (left && right) return semver.rcompare(left, right);
  if (left || right) return left ? -1 : 1;
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The first of a newest-first list that lies in every range. */
export function newestInRanges<T extends { readonly version: string }>(
  newestFirst: readonly T[],
  ranges: readonly string[],
): T | undefined {
  return newestFirst.find((item) => ranges.every((range) => isInRange(item.version, range)));
}
