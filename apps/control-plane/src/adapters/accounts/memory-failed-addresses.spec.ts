import { MemoryFailedAddresses } from './memory-failed-addresses.js';

const fail = async (limits: MemoryFailedAddresses, address: string, times: number): Promise<void> => {
  for (let at = 0; at < times; at += 1) await limits.failed(address);
};

describe('addresses with credentials that are none', () => {
  it('wait from the 21st failure on, longer with each, never more than a minute', async () => {
    const limits = new MemoryFailedAddresses();
    await fail(limits, '192.0.2.1', 20);
    expect(await limits.waitMs('192.0.2.1')).toBe(0);
    await limits.failed('192.0.2.1');
    const first = await limits.waitMs('192.0.2.1');
    expect(first).toBeGreaterThan(0);
    expect(first).toBeLessThanOrEqual(1_000);
    await fail(limits, '192.0.2.1', 3);
    const later = await limits.waitMs('192.0.2.1');
    expect(later).toBeGreaterThan(first);
    await fail(limits, '192.0.2.1', 50);
    expect(await limits.waitMs('192.0.2.1')).toBeLessThanOrEqual(60_000);
    expect(await limits.waitMs('192.0.2.2')).toBe(0);
  });

  it('of one IPv6 network count together', async () => {
    const limits = new MemoryFailedAddresses();
    for (let at = 0; at < 25; at += 1) await limits.failed(`2001:db8:0:7::${at.toString(16)}`);
    expect(await limits.waitMs('2001:db8:0:7:ffff::1')).toBeGreaterThan(0);
    expect(await limits.waitMs('2001:db8:0:8::1')).toBe(0);
  });

  it('a credential that was right lately is known, others are not', () => {
    const limits = new MemoryFailedAddresses();
    limits.proved('right');
    expect([limits.isKnown('right'), limits.isKnown('wrong')]).toEqual([true, false]);
  });
});
