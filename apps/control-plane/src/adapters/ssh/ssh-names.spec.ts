import { unitName } from './hook-run.js';
import { secretsIn } from './secrets-in.js';

describe('unitName', () => {
  it('keeps a name that systemd takes', () => {
    expect(unitName('bastide-run_01J-configure-1')).toBe('bastide-run_01J-configure-1');
    expect(unitName('run_01J-configure-1')).toBe('bastide-run_01J-configure-1');
  });

  it('makes different units of different jobs, whatever their names', () => {
    const long = 'x'.repeat(300);
    const jobs = ['a:b', 'a-b', 'a/b', 'a b', '../a', 'ü', long, `${long}y`, 'hook.run:wiki.app@1'];
    const units = jobs.map(unitName);
    expect(new Set(units).size).toBe(jobs.length);
    for (const unit of units) expect(unit).toMatch(/^bastide-[A-Za-z0-9_.-]{1,200}$/);
  });
});

describe('secretsIn', () => {
  it('finds what lies at the places of secrets', () => {
    const input = {
      secrets: { adminPassword: 's1' },
      certificates: { server: { certificate: 'public', privateKey: 's2' } },
      bindings: { sso: { issuer: 'https://x', clientSecret: 's3' }, db: { password: 's4' } },
      binding: { secrets: { list: ['s5'] } },
      config: { title: 'public', count: 3, none: null },
    };
    expect(secretsIn(input).sort()).toEqual(['s1', 's2', 's3', 's4', 's5']);
  });
});
