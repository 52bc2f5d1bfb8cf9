import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LabClient } from './lab-client.js';
import { openTestLab, TEMPLATE } from './test-lab.js';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../../..');

/** The program itself, built for this test, as a process that can be killed. */
describe('a lab killed in the middle', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bastide-lab-kill-'));
  const state = join(folder, 'state');
  const children: ChildProcess[] = [];

  async function start(): Promise<{ child: ChildProcess; client: LabClient }> {
    const child = spawn(
      process.execPath,
      [
        join(folder, 'dist/apps/lab/src/main.js'),
        'start',
        '--state',
        state,
        '--port',
        '0',
        '--lag',
        '0',
        '--latency',
        'qmclone=60000',
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    children.push(child);
    await new Promise<void>((resolve, reject) => {
      child.stdout?.on('data', (chunk: Buffer) => chunk.toString().includes('access') && resolve());
      child.once('exit', (code) => reject(new Error(`lab ended with ${code}`)));
    });
    const access = JSON.parse(readFileSync(join(state, 'access.json'), 'utf8')) as {
      url: string;
      caCertificate: string;
      token: string;
    };
    return { child, client: new LabClient(access, access.token) };
  }
  const ended = (child: ChildProcess) =>
    new Promise<void>((resolve) =>
      child.exitCode !== null || child.signalCode !== null ? resolve() : child.once('exit', () => resolve()),
    );

  beforeAll(async () => {
    const build = spawn(
      process.execPath,
      [
        join(ROOT, 'node_modules/@swc/cli/bin/swc.js'),
        'apps/lab/src',
        '-d',
        join(folder, 'dist'),
        '--quiet',
        '--ignore',
        '**/*.spec.ts',
      ],
      { cwd: ROOT, stdio: 'inherit' },
    );
    await ended(build);
    const { symlinkSync, writeFileSync } = await import('node:fs');
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'dist/node_modules'));
    writeFileSync(join(folder, 'dist/package.json'), '{"type":"module"}');
  }, 60_000);
  afterAll(async () => {
    for (const child of children) child.kill('SIGKILL');
    await Promise.all(children.map(ended));
    rmSync(folder, { recursive: true, force: true });
  });

  it('finds its guests again after kill -9, and ends the interrupted task as the real one does', async () => {
    const first = await start();
    await first.client.run('POST', '/nodes/lab1/lxc', {
      vmid: 100,
      ostemplate: TEMPLATE,
      rootfs: 'local-zfs:1',
      features: 'nesting=1',
    });
    await first.client.run('POST', '/nodes/lab1/lxc/100/status/start');
    await first.client.run('POST', '/nodes/lab1/lxc/100/snapshot', { snapname: 'before' });
    await first.client.run('POST', '/nodes/lab1/qemu', { vmid: 101, memory: 64, scsi0: 'local-zfs:1' });
    const config = await first.client.data('GET', '/nodes/lab1/lxc/100/config');
    const upid = (await first.client.data('POST', '/nodes/lab1/qemu/101/clone', { newid: 102 })) as string;
    first.child.kill('SIGKILL');
    await ended(first.child);
    first.client.close();

    const second = await start();
    expect(await second.client.exitOf(upid)).toBe('unexpected status');
    expect(await second.client.data('GET', '/nodes/lab1/lxc/100/config')).toEqual(config);
    expect((await second.client.data('GET', '/nodes/lab1/lxc/100/status/current')).status).toBe('running');
    const snapshots = (await second.client.data('GET', '/nodes/lab1/lxc/100/snapshot')) as { name: string }[];
    expect(snapshots.map((one) => one.name)).toEqual(['before', 'current']);
    // As on a real node, the half-made clone stays behind under its lock.
    expect((await second.client.data('GET', '/nodes/lab1/qemu/102/config')).lock).toBe('create');
    second.client.close();
    second.child.kill('SIGTERM');
    await ended(second.child);
    expect(second.child.exitCode).toBe(0);
    expect(existsSync(join(state, 'access.json'))).toBe(false);
  }, 60_000);
});

describe('a lab folder', () => {
  it('is held by one lab at a time', async () => {
    const test = await openTestLab();
    try {
      const { startLab } = await import('../src/start-lab.js');
      const stateDir = test.folder;
      await expect(
        startLab({ name: 'other', stateDir, listen: { host: '127.0.0.1', port: 0 }, guests: 'none' }),
      ).rejects.toThrow('is already running');
    } finally {
      await test.close();
    }
  });

  it('is not opened on an address other than loopback unless told so', async () => {
    const { startLab } = await import('../src/start-lab.js');
    const stateDir = mkdtempSync(join(tmpdir(), 'bastide-lab-'));
    try {
      await expect(
        startLab({ name: 'x', stateDir, listen: { host: '0.0.0.0', port: 0 }, guests: 'none' }),
      ).rejects.toThrow('loopback only');
    } finally {
      rmSync(stateDir, { recursive: true, force: true });
    }
  });
});
