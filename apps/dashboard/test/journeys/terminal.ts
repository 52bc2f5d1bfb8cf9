import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Day, PASSWORD } from '../day.js';

/** The same people at a terminal. */
export function terminal(day: Day): void {
  it('lets the same people work at a terminal: sign in, see, administer, sign out', () => {
    const home = mkdtempSync(join(tmpdir(), 'bastide-home-'));
    const ada = (...words: string[]) => day.demo.cliAs(home, [], ...words);
    try {
      expect(day.demo.cliAs(home, ['wrong password here'], 'login', 'admin').code).toBe(3);
      expect(ada('whoami').code).not.toBe(0);
      const login = day.demo.cliAs(home, [PASSWORD], 'login', 'admin');
      expect(login).toMatchObject({ code: 0, text: '' });
      expect(login.said).toContain('Ada Admin');
      expect(statSync(join(home, '.local/state/bastide/session')).mode & 0o777).toBe(0o600);
      expect(ada('whoami').text).toContain('admin@every site');
      expect(ada('site', 'show', 'demo').text).toContain('vmbr1');
      expect(ada('site', 'ca', 'demo').text).toContain('BEGIN CERTIFICATE');
      const made = ada('account', 'create', 'eva', '--person', 'Eva Eyes', '--role', 'viewer', '--site', 'demo');
      expect(made).toMatchObject({ code: 0 });
      expect(ada('account', 'list').text).toContain('viewer@demo');
      expect(ada('account', 'disable', 'eva').code).toBe(0);
      const token = ada('token', 'create', 'watcher', '--role', 'viewer', '--days', '1').text.trim();
      expect(token.length).toBeGreaterThan(30);
      expect(ada('token', 'list').text).not.toContain(token);
      expect(ada('token', 'remove', 'watcher').code).toBe(0);
      expect(ada('secrets', 'rotate-master-key').text).toMatch(/^\d+ secrets/);
      expect(ada('audit', 'list', '--actor', 'admin').text).toContain('account.created');
      expect(ada('audit', 'export', '--format', 'csv').text).toContain('secret.key_rotated');
      expect(ada('audit', 'verify')).toMatchObject({ code: 0 });
      expect(ada('status').code).toBe(0);
      expect(ada('logout').code).toBe(0);
      expect(ada('audit', 'list').code).not.toBe(0);
    } finally {
      rmSync(home, { recursive: true, force: true });
    }
  }, 120_000);
}
