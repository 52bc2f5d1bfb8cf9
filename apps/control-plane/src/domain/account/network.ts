/** What counts as one place that requests come from: an IPv4 address, or the /64 that a household or a server has at least to itself. */
export function networkOf(address: string): string {
  const bare = address.replace(/^::ffff:(?=\d+\.)/i, '');
  if (!bare.includes(':')) return bare;
  const [head = '', tail] = bare.split('::');
  const groups = head === '' ? [] : head.split(':');
  const rest = tail ? tail.split(':') : [];
  const missing = Math.max(0, 8 - groups.length - rest.length);
  const all = tail === undefined ? groups : [...groups, ...Array<string>(missing).fill('0'), ...rest];
  return all.slice(0, 4).join(':');
}
