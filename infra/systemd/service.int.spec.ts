import { execFileSync, type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { loadConfig } from '../../apps/control-plane/src/config/config.js';

const unit = (name: string): string => readFileSync(join('infra/systemd', name), 'utf8');
const setting = (text: string, key: string): string => new RegExp(`^${key}=(.*)$`, 'm').exec(text)?.[1] ?? '';
const NOBODY = 65_534;

describe('the service', () => {
  it.each(['bastide.service', 'bastide-worker@.service'])('%s is a unit that systemd understands', (name) => {
    if (!existsSync('/usr/bin/systemd-analyze')) {
      process.stderr.write('SKIPPED: systemd-analyze is not on this machine\n');
      return;
    }
    const said = verify(name);
    // The account and the folder of a server are not here; everything else must be known.
    expect(said.split('\n').filter((line) => /Unknown|Invalid|Failed to parse|not absolute/i.test(line))).toEqual([]);
  });

  it('every setting that its example names is one that the control plane knows', () => {
    const named = [...unit('bastide.env').matchAll(/^#?([A-Z_]+)=(.*)$/gm)].map(([, name, value]) => [name!, value!]);
    expect(named.length).toBeGreaterThan(5);
    // The example shows all three kinds of certificate; nobody has them at once, nor is any on this machine.
    const without = named.filter(([name]) => !/^BASTIDE_(TLS|ACME)/.test(name!));
    expect(loadConfig(Object.fromEntries(without) as NodeJS.ProcessEnv, 'all').listen.port).toBe(7080);
    let findings = '';
    try {
      loadConfig(Object.fromEntries(named) as NodeJS.ProcessEnv, 'all');
    } catch (error) {
      findings = (error as Error).message;
    }
    expect(findings).not.toContain('is not known');
  });

  it('its command comes up under an account without rights, in a folder of its own, and stops in order', async () => {
    const text = unit('bastide.service');
    const words = setting(text, 'ExecStart').split(' ').slice(1);
    const readable = readableByAll(process.cwd());
    if (process.getuid?.() !== 0 || !readable) {
      process.stderr.write(
        'SKIPPED: the service under another account needs root and a checkout that everybody may read\n',
      );
      return;
    }
    const state = mkdtempSync(join(tmpdir(), 'bastide-service-'));
    try {
      chownSync(state, NOBODY, NOBODY);
      chmodSync(state, 0o700);
      const { ready, code, said } = await upAndDown(words, state, { uid: NOBODY, gid: NOBODY });
      expect({ ready, code, said: ready && code === 0 ? '' : said }).toEqual({ ready: true, code: 0, said: '' });
      // pgrep ends with 1 where there is none.
      expect(spawnSync('pgrep', ['-u', String(NOBODY), '-f', state]).status).toBe(1);
    } finally {
      rmSync(state, { recursive: true, force: true });
    }
  }, 150_000);

  it('serves on where its log cannot be written, as on a full disk', async () => {
    const words = setting(unit('bastide.service'), 'ExecStart').split(' ').slice(1);
    const state = mkdtempSync(join(tmpdir(), 'bastide-service-'));
    const full = openSync('/dev/full', 'w');
    try {
      const { ready, code } = await upAndDown(words, state, { stdio: ['ignore', full, full] });
      expect({ ready, code }).toEqual({ ready: true, code: 0 });
    } finally {
      closeSync(full);
      rmSync(state, { recursive: true, force: true });
    }
  }, 150_000);
});

/** Starts the service's command, waits until it is ready or has ended, asks it to end. */
async function upAndDown(
  words: readonly string[],
  state: string,
  how: SpawnOptions,
): Promise<{ ready: boolean; code: number | null; said: string }> {
  const port = await freePort();
  const child = spawn(process.execPath, words, {
    stdio: ['ignore', 'pipe', 'pipe'],
    ...how,
    env: {
      PATH: process.env.PATH,
      NODE_ENV: 'production',
      BASTIDE_STATE_DIR: state,
      BASTIDE_LISTEN: `127.0.0.1:${port}`,
    },
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (data: Buffer) => (said += data.toString()));
  const ended = once(child, 'exit') as Promise<[number | null]>;
  const until = Date.now() + 90_000;
  let ready = false;
  while (!ready && Date.now() < until && child.exitCode === null) {
    ready = (await fetch(`http://127.0.0.1:${port}/api/v1/health/ready`).catch(() => undefined))?.ok ?? false;
    await delay(200);
  }
  child.kill('SIGTERM');
  // One that does not end is not to outlive the test.
  const late = setTimeout(() => child.kill('SIGKILL'), 30_000);
  const [code] = await ended;
  clearTimeout(late);
  return { ready, code, said };
}

function verify(name: string): string {
  try {
    execFileSync('systemd-analyze', ['verify', '--man=no', join('infra/systemd', name)], { stdio: 'pipe' });
    return '';
  } catch (error) {
    return String((error as { stderr?: Buffer }).stderr ?? error);
  }
}

function readableByAll(folder: string): boolean {
  try {
    execFileSync('setpriv', ['--reuid', String(NOBODY), '--clear-groups', 'test', '-r', join(folder, 'package.json')]);
    return true;
  } catch {
    return false;
  }
}

function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer();
    server.on('error', fail).listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => done(port));
    });
  });
}
