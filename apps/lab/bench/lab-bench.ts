/**
 * Figures of an API-only lab: makes guests through the API (half of them first: lists are promised for 10,000), clones, then
 * measures lists, reads, and what the tasks of an hour leave in memory and on disk.
 * Usage (after `npm run build`): node dist/apps/lab/bench/lab-bench.js [--guests 20000] [--tasks 20000] [--latency vzcreate=50]
 * The lab runs in a process of its own, so its memory and time are its own.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    guests: { type: 'string', default: '20000' },
    tasks: { type: 'string', default: '20000' },
    latency: { type: 'string', multiple: true, default: [] },
  },
});
const COUNT = Number(values.guests);
/** As many as an hour of a busy cluster has, five or six a second. */
const TASKS = Number(values.tasks);
const NODES = Array.from({ length: 8 }, (_, index) => `lab${index + 1}`);
const TEMPLATE = 'local:vztmpl/debian-12-bastide_12.0-1_amd64.tar.zst';
const folder = mkdtempSync(join(tmpdir(), 'bastide-lab-bench-'));

interface Access {
  readonly url: string;
  readonly token: string;
  readonly caCertificate: string;
}

function startLab(): ChildProcess {
  const main = join(dirname(fileURLToPath(import.meta.url)), '../src/main.js');
  const latencies = values.latency.flatMap((one) => ['--latency', one]);
  return spawn(
    process.execPath,
    [main, 'start', '--state', folder, '--port', '0', '--nodes', NODES.join(','), ...latencies],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
}

function caller(access: Access) {
  const agent = new Agent({ ca: access.caCertificate, keepAlive: true, maxSockets: 16 });
  const call = (method: string, path: string, parameters: Record<string, string> = {}) =>
    new Promise<Buffer>((resolve, reject) => {
      const body = method === 'GET' ? '' : new URLSearchParams(parameters).toString();
      const headers: Record<string, string> = { Authorization: `PVEAPIToken=${access.token}` };
      if (body) headers['Content-Type'] = 'application/x-www-form-urlencoded';
      if (body) headers['Content-Length'] = String(Buffer.byteLength(body));
      const outgoing = request(`${access.url}/api2/json${path}`, { method, agent, headers }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const all = Buffer.concat(chunks);
          if (response.statusCode === 200) resolve(all);
          else reject(new Error(`${method} ${path}: ${response.statusCode} ${all.toString('utf8')}`));
        });
      });
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  return { call, close: () => agent.destroy() };
}

/** Runs `work` for 0 … count-1, `width` at a time; answers the seconds it took. */
async function timed(count: number, width: number, work: (index: number) => Promise<unknown>): Promise<number> {
  const begin = process.hrtime.bigint();
  let next = 0;
  await Promise.all(
    Array.from({ length: width }, async () => {
      while (next < count) {
        const index = next;
        next += 1;
        await work(index);
      }
    }),
  );
  return Number(process.hrtime.bigint() - begin) / 1e9;
}

const memoryOf = (pid: number) =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
const report = (name: string, value: string) => process.stdout.write(`${name.padEnd(48)} ${value}\n`);

async function main(): Promise<void> {
  const lab = startLab();
  try {
    await new Promise<void>((resolve, reject) => {
      lab.stdout?.on('data', (chunk: Buffer) => chunk.toString().includes('access') && resolve());
      lab.once('exit', (code) => reject(new Error(`lab ended with ${code}`)));
    });
    const { call, close } = caller(JSON.parse(readFileSync(join(folder, 'access.json'), 'utf8')) as Access);
    const pid = lab.pid ?? 0;
    const vmid = (index: number) => 100 + index;
    const node = (index: number) => NODES[index % NODES.length] ?? 'lab1';
    const create = (from: number, to: number) =>
      timed(
        to - from,
        16,
        (index) =>
        call('POST', `/nodes/${node(from + index)}/lxc`, {
          vmid: String(vmid(from + index)), ostemplate: TEMPLATE, hostname: `guest-${from + index}`, rootfs: 'local-zfs:4', tags: 'bench',
          net0: 'name=eth0,bridge=vmbr0,ip=10.210.1.1/16', features: 'nesting=1',
        }), // biome-ignore format: one guest
      );
    const quiet = async () => {
      for (;;) {
        const rows = JSON.parse((await call('GET', '/cluster/tasks')).toString()).data as { endtime?: number }[];
        if (rows.every(({ endtime }) => endtime !== undefined)) return;
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    };
    const listed = async () => {
      // The figures must be published before anything is read.
      await quiet();
      await new Promise((resolve) => setTimeout(resolve, 11_000));
      const times: number[] = [];
      let bytes = 0;
      for (let round = 0; round < 11; round += 1)
        times.push(
          await timed(1, 1, async () => {
            bytes = (await call('GET', '/cluster/resources')).length;
          }),
        );
      times.sort((left, right) => left - right);
      const ms = (at: number) => Math.round((times[at] ?? 0) * 1000);
      report(
        `GET /cluster/resources (${(bytes / 2 ** 20).toFixed(1)} MiB): median, slowest`,
        `${ms(5)} ms, ${ms(10)} ms`,
      );
      report('memory of the lab', `${Math.round(memoryOf(pid))} MiB`);
    };
    const half = Math.ceil(COUNT / 2);
    report(`create ${half} containers on ${NODES.length} nodes`, `${Math.round(half / (await create(0, half)))} /s`);
    await listed();
    report(`create ${COUNT - half} more`, `${Math.round((COUNT - half) / (await create(half, COUNT)))} /s`);
    await listed();
    const reads = 10_000;
    const reading = await timed(reads, 16, (index) => {
      const at = (index * 7919) % COUNT;
      return call('GET', `/nodes/${node(at)}/lxc/${vmid(at)}/config`);
    });
    report('GET config', `${Math.round(reads / reading)} /s`);
    await call('POST', '/nodes/lab1/qemu', { vmid: '900001', name: 'golden', scsi0: 'local-zfs:1' });
    await quiet();
    await call('POST', '/nodes/lab1/qemu/900001/template');
    await quiet();
    const clones = 1000;
    const cloning = await timed(clones, 16, (index) =>
      call('POST', '/nodes/lab1/qemu/900001/clone', { newid: String(900_100 + index), name: `clone-${index}` }),
    );
    await quiet();
    report(`${clones} linked clones`, `${Math.round(clones / cloning)} /s`);
    const before = memoryOf(pid);
    const tasking = await timed(TASKS, 16, (index) => {
      const at = index % half;
      return call('POST', `/nodes/${node(at)}/lxc/${vmid(at)}/status/${index < half ? 'start' : 'stop'}`).catch(
        () => undefined,
      );
    });
    await quiet();
    report(`${TASKS} power tasks`, `${Math.round(TASKS / tasking)} /s`);
    report(
      'memory of the lab, and what they added',
      `${Math.round(memoryOf(pid))} MiB, ${Math.round(memoryOf(pid) - before)} MiB`,
    );
    const disk = (name: string) => statSync(join(folder, 'state', name)).size / 2 ** 20;
    report(
      'on disk: snapshot, journal',
      `${disk('state.jsonl').toFixed(1)} MiB, ${disk('journal.jsonl').toFixed(1)} MiB`,
    );
    close();
  } finally {
    const ended = new Promise((resolve) => lab.once('exit', resolve));
    lab.kill('SIGTERM');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
