import { RuntimeError } from '../guest-runtime.port.js';
import { firewallScript, ruleTexts } from './guest-firewall.js';

const NIC = { name: 'eth0', bridge: 'vmbr1', mac: 'bc:24:11:00:00:01', address: '10.0.0.2/24', firewall: true };
const rule = { direction: 'in', action: 'ACCEPT' } as const;

describe('firewall rules of a guest', () => {
  it.each([
    [rule, ['accept']],
    [{ ...rule, protocol: 'tcp', ports: '80,443' }, ['tcp dport { 80, 443 } accept']],
    [{ ...rule, protocol: 'udp', ports: '5000:5010' }, ['udp dport { 5000-5010 } accept']],
    [{ ...rule, source: '10.0.0.0/8' }, ['ip saddr { 10.0.0.0/8 } accept']],
    [
      { ...rule, source: '10.0.0.1,fd00::1', protocol: 'tcp' },
      ['ip saddr { 10.0.0.1 } meta l4proto tcp accept', 'ip6 saddr { fd00::1 } meta l4proto tcp accept'],
    ],
    [{ ...rule, source: '10.0.0.1', destination: 'fd00::1' }, []],
    [
      { ...rule, action: 'REJECT', destination: '10.0.0.1-10.0.0.9' } as const,
      ['ip daddr { 10.0.0.1-10.0.0.9 } reject'],
    ],
  ])('%j becomes %j', (given, texts) => expect(ruleTexts(given)).toEqual(texts));

  it.each([
    { ...rule, source: '10.0.0.1; flush ruleset' },
    { ...rule, protocol: 'tcp }' },
    { ...rule, protocol: 'tcp', ports: '80 accept' },
    { ...rule, ports: '80' },
  ])('%j is refused instead of being passed to nft', (given) => expect(() => ruleTexts(given)).toThrow(RuntimeError));

  it('applies to interfaces with the firewall switched on only', () => {
    const off = { ...NIC, name: 'eth1', firewall: false };
    const text = firewallScript(
      100,
      [off, NIC],
      { enabled: true, policyIn: 'DROP', policyOut: 'ACCEPT', rules: [] },
      [],
    );
    expect(text).toContain('"fwbr100i1" : jump guest100in');
    expect(text).not.toContain('fwbr100i0');
  });

  it('leaves no trace when switched off', () => {
    const text = firewallScript(100, [NIC], { enabled: false, policyIn: 'DROP', policyOut: 'DROP', rules: [rule] }, [
      'fwbr100i0',
    ]);
    expect(text).toContain('delete element inet bastide to_guest { "fwbr100i0" }');
    expect(text).toContain('delete chain inet bastide guest100in');
    expect(text).not.toContain('add rule');
  });
});
