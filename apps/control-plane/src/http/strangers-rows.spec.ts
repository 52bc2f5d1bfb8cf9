import { StrangersRows } from './strangers-rows.js';

describe('refusals of nobody in the audit', () => {
  const many = (rows: StrangersRows, count: number, address: (at: number) => string): number =>
    Array.from({ length: count }, (_, at) => rows.take(address(at))).filter((one) => one !== undefined).length;

  it('a flood from one network leaves a few rows, and others are still written', () => {
    const rows = new StrangersRows(() => 0);
    expect(many(rows, 10_000, () => '192.0.2.7')).toBe(50);
    expect(many(rows, 10_000, (at) => `2001:db8:1:2::${at.toString(16)}`)).toBe(50);
    expect(rows.take('198.51.100.1')).toBe(10_000 - 50);
    expect(rows.take('198.51.100.1')).toBe(0);
  });

  it('a flood from everywhere leaves a bounded number, and ends with its window', () => {
    let now = 0;
    const rows = new StrangersRows(() => now);
    expect(many(rows, 20_000, (at) => `10.0.${at >> 8}.${at & 255}`)).toBe(1_000);
    now = 600_000;
    expect(rows.take('192.0.2.7')).toBe(19_000);
  });
});
