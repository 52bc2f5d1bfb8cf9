import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
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

  async function start(place = state): Promise<{ child: ChildProcess; client: LabClient }> {
    const child = spawn(
      process.execPath,
      [
        join(folder, 'dist/apps/lab/src/main.js'),
        'start',
        '--state',
        place,
        '--port',
        '0',
        '--lag',
        '0',
        '--faults',
        '--latency',
        'qmclone=60000',
        '--faults',
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    children.push(child);
    await new Promise<void>((resolve, reject) => {
      child.stdout?.on('data', (chunk: Buffer) => chunk.toString().includes('access') && resolve());
      child.once('exit', (code) => reject(new Error(`lab ended with ${code}`)));
    });
    const access = JSON.parse(readFileSync(join(place, 'access.json'), 'utf8')) as {
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
    const { symlinkSync } = await import('node:fs');
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
    expect((await second.client.data('GET', '/nodes/lab1/qemu/102/config')).lock).toBe('clone');
    second.client.close();
    second.child.kill('SIGTERM');
    await ended(second.child);
    expect(second.child.exitCode).toBe(0);
    expect(existsSync(join(state, 'access.json'))).toBe(false);
  }, 60_000);

  it('killed at random moments while much is going on, it always comes back whole', async () => {
    const seed = Number(process.env.KILL_SEED ?? Date.now() % 1_000_000);
    process.stderr.write(`KILL_SEED=${seed}\n`);
    let state = seed;
    const random = (below: number): number => {
      state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
      return Math.floor((state / 2_147_483_648) * below);
    };
    for (let round = 0; round < 8; round += 1) {
      const { child, client } = await start();
      const work = Array.from({ length: 6 }, async (_, worker) => {
        for (let step = 0; step < 50; step += 1) {
          const vmid = 500 + worker * 10 + random(4);
          const at = `/nodes/lab1/lxc/${vmid}`;
          const tries: [string, string, Record<string, string | number>][] = [
            ['POST', '/nodes/lab1/lxc', { vmid, ostemplate: TEMPLATE, storage: 'local-zfs', hostname: `g${vmid}` }],
            ['POST', `${at}/status/start`, {}],
            ['POST', `${at}/snapshot`, { snapname: `s${random(5)}` }],
            ['POST', `${at}/clone`, { newid: vmid + 5, full: 1 }],
            ['POST', `${at}/snapshot/s${random(5)}/rollback`, {}],
            ['POST', `${at}/status/stop`, {}],
            ['DELETE', at, { purge: 1 }],
          ];
          const [method, path, form] = tries[random(tries.length)]!;
          if (child.signalCode !== null) return;
          await client.run(method, path, form).catch(() => {});
        }
      });
      // Refusals are part of it, and so is the connection that breaks.
      const settled = Promise.allSettled(work);
      await new Promise((resolve) => setTimeout(resolve, 150 + random(900)));
      child.kill('SIGKILL');
      await ended(child);
      await settled;
      client.close();
      const after = await start();
      const all = (await after.client.data('GET', '/cluster/resources', { type: 'vm' })) as { vmid: number }[];
      const guests = all.filter(({ vmid }) => vmid >= 500);
      // As on a real node, a creation that was cut leaves its volumes beside a configuration that knows only its lock, and a
      // removal that was cut a configuration whose volumes are gone. Nothing else may differ.
      const cut = ((await after.client.data('GET', '/nodes/lab1/tasks', { limit: 5000 })) as Record<string, string>[])
        .filter(({ type, status }) => type === 'vzdestroy' && status === 'unexpected status')
        .map(({ id }) => Number(id));
      const used = new Map<string, number>();
      const halfMade = new Set<number>();
      for (const { vmid } of guests) {
        const config = (await after.client.data('GET', `/nodes/lab1/lxc/${vmid}/config`)) as Record<string, unknown>;
        if (config.lock === 'create' && config.rootfs === undefined) halfMade.add(vmid);
        for (const [key, value] of Object.entries(config))
          if (/^(rootfs|mp\d+|unused\d+)$/.test(key)) used.set(String(value).split(',')[0]!, vmid);
      }
      const content = async (): Promise<{ volid: string; vmid: number }[]> =>
        (
          (await after.client.data('GET', '/nodes/lab1/storage/local-zfs/content')) as { volid: string; vmid: number }[]
        ).filter(({ vmid }) => vmid >= 500);
      const volumes = await content();
      const ids = volumes.map(({ volid }) => volid);
      const missing = [...used].filter(([volid, vmid]) => !ids.includes(volid) && !cut.includes(vmid));
      const left = volumes.filter(({ volid, vmid }) => !used.has(volid) && !halfMade.has(vmid));
      expect({ round, seed, missing, left }).toEqual({ round, seed, missing: [], left: [] });
      const open = (await after.client.data('GET', '/nodes/lab1/tasks', { source: 'active' })) as { status?: string }[];
      expect(open.filter(({ status }) => status === undefined || status === 'RUNNING')).toEqual([]);
      // What was interrupted can be used or taken away.
      await Promise.all(
        guests.map(async ({ vmid }) => {
          // As `pct unlock` on the node: a lock of a task that is no more stays until somebody takes it away.
          const unlock = () =>
            after.client.send('POST', '/lab/faults', JSON.stringify({ effect: 'unlock', vmid }), {
              'Content-Type': 'application/json',
            });
          await unlock();
          await after.client.run('POST', `/nodes/lab1/lxc/${vmid}/status/stop`, {}).catch(() => {});
          // A half-made container stays locked, as on a real node, where its admin unlocks it.
          await unlock();
          const all = { purge: 1, force: 1, 'destroy-unreferenced-disks': 1 };
          await after.client.run('DELETE', `/nodes/lab1/lxc/${vmid}`, all);
        }),
      );
      expect(await content()).toEqual([]);
      after.client.close();
      after.child.kill('SIGTERM');
      await ended(after.child);
    }
  }, 120_000);

  it('takes away what it was writing when it was killed, and nothing else', async () => {
    const first = await start();
    await first.client.run('POST', '/nodes/lab1/lxc', { vmid: 110, ostemplate: TEMPLATE, storage: 'local-zfs' });
    await first.client.run('POST', '/nodes/lab1/vzdump', { vmid: 110, storage: 'local' });
    const [backup] = (await first.client.data('GET', '/nodes/lab1/storage/local/content', { content: 'backup' })) as {
      volid: string;
    }[];
    first.child.kill('SIGKILL');
    await ended(first.child);
    first.client.close();
    const place = join(state, 'files/lab1/local');
    mkdirSync(join(place, 'iso'), { recursive: true });
    const halves = [
      join(place, 'iso/half.iso'),
      join(place, 'iso/half.iso.tmp'),
      join(place, 'backup/vzdump-lxc-110-half.tar.zst'),
    ];
    const upload = join(state, 'uploads/upload-half');
    for (const file of [...halves, upload]) writeFileSync(file, 'half');

    const second = await start();
    expect([...halves, upload].filter((file) => existsSync(file))).toEqual([]);
    const upid = await second.client.data('POST', '/nodes/lab1/lxc', {
      vmid: 111,
      ostemplate: backup!.volid,
      restore: 1,
      storage: 'local-zfs',
    });
    expect(await second.client.exitOf(String(upid))).toMatch(/^(OK|WARNINGS: \d+)$/);
    second.client.close();
    second.child.kill('SIGTERM');
    await ended(second.child);
  }, 60_000);

  it('of labs that start at once in a folder that a killed one left, one gets it', async () => {
    const place = mkdtempSync(join(folder, 'race-'));
    const lock = join(folder, 'dist/apps/lab/src/state/folder-lock.js');
    const script = `
      const { holdFolder } = await import(${JSON.stringify(lock)});
      const begin = Number(process.argv[1]);
      while (Date.now() < begin);
      try { holdFolder(${JSON.stringify(place)}); process.stdout.write('held'); await new Promise((end) => setTimeout(end, 1500)); }
      catch (error) { process.stdout.write(error.message.includes('already running') ? 'refused' : error.message); }`;
    writeFileSync(join(place, 'lab.pid'), '999999 12345\n');
    const begin = Date.now() + 1500;
    const said = await Promise.all(
      Array.from({ length: 6 }, async () => {
        const child = spawn(process.execPath, ['--input-type=module', '-e', script, String(begin)], {
          stdio: ['ignore', 'pipe', 'inherit'],
        });
        children.push(child);
        let text = '';
        child.stdout?.on('data', (chunk: Buffer) => {
          text += chunk.toString();
        });
        await ended(child);
        return text;
      }),
    );
    expect(said.sort()).toEqual(['held', 'refused', 'refused', 'refused', 'refused', 'refused']);
  }, 30_000);

  (process.getuid?.() === 0 ? it : it.skip)(
    'refuses changes while its disk is full, and loses none that it confirmed',
    async () => {
      const disk = mkdtempSync(join(folder, 'disk-'));
      if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', disk]).status !== 0) {
        process.stderr.write('SKIPPED: no file system may be mounted here\n');
        return;
      }
      try {
        const first = await start(join(disk, 'lab'));
        await first.client.data('POST', '/pools', { poolid: 'before' });
        const filler = join(disk, 'filler');
        const fill = () => {
          const handle = openSync(filler, 'a');
          try {
            for (;;) writeSync(handle, Buffer.alloc(4096));
          } catch {
            closeSync(handle);
          }
        };
        fill();
        const confirmed: string[] = ['before'];
        let refused = 0;
        for (let index = 0; index < 200; index += 1) {
          const poolid = `pool${index}`;
          const answer = await first.client.call('POST', '/pools', { poolid, comment: 'x'.repeat(200) });
          if (answer.status === 200) confirmed.push(poolid);
          else {
            refused += 1;
            expect(answer.body.message).toContain('no space left on device');
          }
        }
        expect(refused).toBeGreaterThan(100);
        expect((await first.client.call('GET', '/pools')).status).toBe(200);
        // A task that ends meanwhile must not end the lab.
        await first.client.call('POST', '/nodes/lab1/qemu', { vmid: 120, memory: 64 });
        first.child.kill('SIGKILL');
        await ended(first.child);
        first.client.close();
        const full = await start(join(disk, 'lab')).catch(() => undefined);
        full?.client.close();
        full?.child.kill('SIGKILL');
        if (full) await ended(full.child);
        rmSync(filler);
        const after = await start(join(disk, 'lab'));
        const pools = ((await after.client.data('GET', '/pools')) as { poolid: string }[]).map(({ poolid }) => poolid);
        expect(confirmed.filter((poolid) => !pools.includes(poolid))).toEqual([]);
        await after.client.data('POST', '/pools', { poolid: 'after' });
        after.client.close();
        after.child.kill('SIGTERM');
        await ended(after.child);
      } finally {
        for (const child of children) child.kill('SIGKILL');
        await Promise.all(children.map(ended));
        spawnSync('umount', [disk]);
      }
    },
    60_000,
  );
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
