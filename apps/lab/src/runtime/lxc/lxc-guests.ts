/** The life of guests as LXC containers: start, stop, adopt, and notice when one ends by itself. */
import { open, readFile, rm } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import type { GuestDefinition } from '../guest-runtime.port.js';
import { RuntimeError } from '../guest-runtime.port.js';
import { GuestCgroups, processesIn, removeCgroups } from './cgroups.js';
import { Gate, Turns } from './gate.js';
import { type GuestFolder, guestCgroup, wantsReboot } from './guest-folder.js';
import { isAlive, markProcess, signalProcess } from './guest-process.js';
import type { GuestRecord, GuestRecords } from './guest-records.js';
import type { LabNames } from './lab-names.js';
import { LXC_ENV } from './run-command.js';
import type { StoragePool } from './storage-pool.js';
import type { SwitchNetwork } from './switch-network.js';
import { waitUntil } from './wait-until.js';

/** SIGRTMIN+3, which systemd takes for "power off" (systemd(1)); the C library's SIGRTMIN is 34. */
const POWER_OFF = 37;
const START_TIMEOUT_MS = 60_000;

export class LxcGuests {
  private readonly starting = new Gate(Math.max(1, cpus().length));
  private readonly turns = new Turns();
  private readonly stopping = new Set<number>();
  private readonly listeners: ((vmid: number) => void)[] = [];
  private watcher: NodeJS.Timeout | undefined;
  private watching = false;

  constructor(
    private readonly names: LabNames,
    private readonly records: GuestRecords,
    private readonly pool: StoragePool,
    private readonly network: SwitchNetwork,
    private readonly folder: GuestFolder,
  ) {}

  onExit(listener: (vmid: number) => void): void {
    this.listeners.push(listener);
  }

  cgroups(vmid: number): GuestCgroups {
    return new GuestCgroups(guestCgroup(this.names, vmid));
  }

  /** The record of a guest that runs now; undefined otherwise. */
  async running(vmid: number): Promise<(GuestRecord & Required<Pick<GuestRecord, 'init'>>) | undefined> {
    const record = this.records.get(vmid);
    return record?.init && (await isAlive(record.init)) ? { ...record, init: record.init } : undefined;
  }

  /** As `running`, but a guest that does not run is an error. */
  async mustRun(vmid: number): Promise<GuestRecord & Required<Pick<GuestRecord, 'init'>>> {
    const record = await this.running(vmid);
    if (!record) throw new RuntimeError(`CT ${vmid} not running`);
    return record;
  }

  /** After (re)opening: guests that still run stay, those that asked for a reboot get it, remains of others go. */
  async adopt(): Promise<number[]> {
    const adopted: number[] = [];
    for (const record of this.records.all()) {
      if (await this.running(record.vmid)) adopted.push(record.vmid);
      else if (await wantsReboot(this.records.folder(record.vmid)))
        await this.start(record.definition, AbortSignal.timeout(START_TIMEOUT_MS));
      else await this.turns.take(record.vmid, () => this.clear(record.vmid));
    }
    return adopted;
  }

  async start(guest: GuestDefinition, signal: AbortSignal): Promise<void> {
    await this.turns.take(guest.vmid, () => this.boot(guest, signal));
  }

  private async boot(guest: GuestDefinition, signal: AbortSignal): Promise<void> {
    await this.starting.pass(async () => {
      if (await this.running(guest.vmid)) return;
      await this.clear(guest.vmid);
      const slot = this.records.slotFor(guest.vmid);
      // Before anything exists in the kernel, so that a killed lab knows where to look.
      await this.records.write({ vmid: guest.vmid, slot, definition: guest });
      const folder = this.records.folder(guest.vmid);
      await this.folder.write(guest, slot, folder);
      const log = join(folder, 'lxc.log');
      await rm(log, { force: true });
      const pidFile = join(folder, 'monitor.pid');
      await rm(pidFile, { force: true });
      const args = ['-P', this.lxcPath, '-n', String(guest.vmid), '-d', '-p', pidFile, '-o', log, '-l', 'WARN'];
      // The monitor would keep a pipe open for as long as the guest runs.
      const sink = await open('/dev/null', 'w');
      try {
        await this.pool.run('/usr/bin/lxc-start', args, {
          env: LXC_ENV,
          timeoutMs: START_TIMEOUT_MS,
          signal,
          stdoutFd: sink.fd,
        });
      } catch (cause) {
        const why = (await complaints(log)) || (cause instanceof Error ? cause.message : String(cause));
        await this.kill(guest.vmid);
        throw new RuntimeError(`CT ${guest.vmid} does not start: ${why}`, { cause });
      } finally {
        await sink.close();
      }
      await this.mark(guest, slot, pidFile);
    });
  }

  /** Asks init to power off. */
  async shutdown(vmid: number, timeoutSeconds: number, signal: AbortSignal): Promise<void> {
    const record = await this.running(vmid);
    if (!record) return this.stop(vmid);
    await this.whileStopping(vmid, async () => {
      await signalProcess(record.init, POWER_OFF);
      await waitUntil(async () => !(await isAlive(record.init)), {
        what: `CT ${vmid}: power off`,
        timeoutMs: timeoutSeconds * 1000,
        signal,
      });
      await this.turns.take(vmid, () => this.kill(vmid));
    });
  }

  async stop(vmid: number): Promise<void> {
    await this.whileStopping(vmid, () => this.turns.take(vmid, () => this.kill(vmid)));
  }

  /** Begins to look twice a second whether guests ended or rebooted by themselves. */
  watch(): void {
    this.watcher ??= setInterval(() => void this.look().catch(() => undefined), 500).unref();
  }

  unwatch(): void {
    clearInterval(this.watcher);
    this.watcher = undefined;
  }

  private async look(): Promise<void> {
    if (this.watching) return;
    this.watching = true;
    try {
      for (const record of this.records.all()) {
        if (!record.init || this.stopping.has(record.vmid) || (await isAlive(record.init))) continue;
        // The monitor is still tidying up.
        if (await isAlive(record.monitor)) continue;
        await this.turns.take(record.vmid, () => this.ended(record));
      }
    } finally {
      this.watching = false;
    }
  }

  private async ended(record: GuestRecord): Promise<void> {
    // Somebody stopped or started it in the meantime.
    if (this.records.get(record.vmid)?.init !== record.init) return;
    if (await wantsReboot(this.records.folder(record.vmid))) {
      const again = this.boot(record.definition, AbortSignal.timeout(START_TIMEOUT_MS));
      if (
        await again.then(
          () => true,
          () => false,
        )
      )
        return;
    }
    await this.clear(record.vmid);
    for (const listener of this.listeners) listener(record.vmid);
  }

  private async initPid(vmid: number): Promise<number | undefined> {
    const info = await this.pool.try('lxc-info', ['-P', this.lxcPath, '-n', String(vmid), '-pH'], {
      timeoutMs: 10_000,
    });
    const pid = Number(info.stdout.toString().trim());
    return info.exitCode === 0 && pid > 0 ? pid : undefined;
  }

  private async mark(guest: GuestDefinition, slot: number, pidFile: string): Promise<void> {
    const monitor = await markProcess(Number(await readFile(pidFile, 'utf8')));
    const pid = await this.initPid(guest.vmid);
    const init = pid ? await markProcess(pid) : undefined;
    if (!monitor || !init)
      throw new RuntimeError(
        `CT ${guest.vmid} ended right after its start: ${await complaints(join(this.records.folder(guest.vmid), 'lxc.log'))}`,
      );
    await this.records.write({ vmid: guest.vmid, slot, definition: guest, monitor, init });
  }

  /** Ends whatever is left of a guest: its processes, its monitor, its devices, its groups. */
  private async kill(vmid: number): Promise<void> {
    const record = this.records.get(vmid);
    // A frozen process does not even die.
    await this.cgroups(vmid)
      .freeze(false)
      .catch(() => undefined);
    await signalProcess(record?.init, 'SIGKILL');
    await waitUntil(async () => !(await isAlive(record?.init)), {
      what: `CT ${vmid}: end of init`,
      timeoutMs: 30_000,
      everyMs: 10,
    });
    // The monitor tidies up and goes by itself; one that hangs is ended.
    await waitUntil(async () => !(await isAlive(record?.monitor)), {
      what: `CT ${vmid}: end of monitor`,
      timeoutMs: 5_000,
      everyMs: 10,
    }).catch(() => signalProcess(record?.monitor, 'SIGKILL'));
    for (const pid of await processesIn(guestCgroup(this.names, vmid)))
      await signalProcess(await markProcess(pid), 'SIGKILL');
    await waitUntil(async () => (await processesIn(guestCgroup(this.names, vmid))).length === 0, {
      what: `CT ${vmid}: end of its processes`,
      timeoutMs: 10_000,
      everyMs: 20,
    });
    await this.clear(vmid);
  }

  private async clear(vmid: number): Promise<void> {
    await this.network.unplug(vmid);
    await removeCgroups(guestCgroup(this.names, vmid));
    await this.records.forget(vmid);
  }

  private async whileStopping(vmid: number, action: () => Promise<void>): Promise<void> {
    this.stopping.add(vmid);
    try {
      await action();
    } finally {
      this.stopping.delete(vmid);
    }
  }

  /** LXC finds its monitors by this path, so it must be the lab's alone. */
  private get lxcPath(): string {
    return this.pool.seen(this.names.paths.guests);
  }
}

/** LXC's own words, errors first; its log has the guest's name and a time in front of each. */
async function complaints(log: string): Promise<string> {
  const text = await readFile(log, 'utf8').catch(() => '');
  const errors = text
    .split('\n')
    .filter((line) => / ERROR /.test(line))
    .map((line) => line.replace(/^.* - /, '').trim());
  return [...new Set(errors)].slice(0, 4).join('; ');
}
