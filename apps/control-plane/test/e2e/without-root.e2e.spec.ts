import { execFileSync, spawnSync } from 'node:child_process';
import { chownSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { freePort } from './demo.js';

const NOBODY = 65_534;
const readable = spawnSync('setpriv', [
  '--reuid',
  `${NOBODY}`,
  '--clear-groups',
  'test',
  '-r',
  resolve('package.json'),
]);
const possible = process.getuid?.() === 0 && readable.status === 0;
if (!possible)
  process.stderr.write(
    'SKIPPED: the demo without root needs root to become nobody, and a checkout that everybody may read\n',
  );

(possible ? it : it.skip)(
  'the demo without root says what is missing, shows the plan with a lab that only answers, and leaves nothing running',
  async () => {
    const home = mkdtempSync(join(tmpdir(), 'bastide-nobody-'));
    chownSync(home, NOBODY, NOBODY);
    try {
      const ports = ['--port', String(await freePort()), '--lab-port', String(await freePort())];
      const done = spawnSync(
        process.execPath,
        [
          resolve('dist/apps/cli/src/main.js'),
          ...[
            'demo',
            '--blueprint',
            'team',
            '--state',
            join(home, 'state'),
            '--exit',
            '--lab-name',
            'nobody',
            ...ports,
          ],
        ],
        { uid: NOBODY, gid: NOBODY, env: { PATH: process.env.PATH, HOME: home }, encoding: 'utf8', timeout: 120_000 },
      );
      expect({ code: done.status, said: done.status === 0 ? '' : done.stderr }).toEqual({ code: 0, said: '' });
      expect(done.stderr).toContain('No real guests on this machine');
      expect(done.stderr).toContain('root');
      expect(done.stdout).toContain('team-wiki');
      expect(done.stdout).toContain('#setup=');
      expect(execFileSync('sh', ['-c', `pgrep -u ${NOBODY} -f ${home} || true`], { encoding: 'utf8' })).toBe('');
    } finally {
      rmSync(home, { recursive: true, force: true });
    }
  },
  150_000,
);
