/** The runtime with real guests: puts disk, switch, image, proxy and guests together behind the port. */
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type {
  ExecResult, GuestConsole, GuestDefinition, GuestFirewall, GuestNic, GuestRuntime, GuestUsage, LabNetwork, RuntimeVolume,
} from '../guest-runtime.port.js'; // biome-ignore format: one block reads better
import { RuntimeError } from '../guest-runtime.port.js';
import { AptProxy } from './apt-proxy.js';
import { hostAptSources } from './apt-sources.js';
import { removeCgroups } from './cgroups.js';
import { GuestAccess, guestAddresses } from './guest-access.js';
import { FIREWALL_BASE, firewallScript } from './guest-firewall.js';
import { GuestFolder } from './guest-folder.js';
import { GuestRecords } from './guest-records.js';
import { raiseHostSettings, restoreHostSettings } from './host-settings.js';
import { ImageCache } from './image-cache.js';
import { IMAGE_NAME } from './image-recipe.js';
import { type LabNames, labNames } from './lab-names.js';
import { LxcGuests } from './lxc-guests.js';
import { describeProbe, probeRealGuests } from './probe.js';
import { tryCommand } from './run-command.js';
import { StoragePool } from './storage-pool.js';
import { SwitchNetwork } from './switch-network.js';
import { idleUsage, UsageMeter } from './usage-meter.js';
import { Volumes } from './volumes.js';

export interface LxcRuntimeOptions {
  /** Names everything the lab makes on this machine; two labs with different names do not meet. */
  readonly name: string;
  /** The runtime keeps to `<stateDir>/runtime`. */
  readonly stateDir: string;
  /** Shared by the labs of a machine. Default /var/cache/bastide. */
  readonly cacheDir?: string;
  /** Size of the sparse disk; default 256 GiB or 80 % of what is free. */
  readonly diskBytes?: number;
  readonly log?: (message: string, fields?: Record<string, unknown>) => void;
}

export class LxcRuntime implements GuestRuntime {
  private readonly names: LabNames;
  private readonly pool: StoragePool;
  private readonly volumes: Volumes;
  private readonly network: SwitchNetwork;
  private readonly records: GuestRecords;
  private readonly guests: LxcGuests;
  private readonly imageCache: ImageCache;
  private readonly log: NonNullable<LxcRuntimeOptions['log']>;
  private readonly meter = new UsageMeter();
  private proxy: AptProxy | undefined;
  private proxyUrl: string | undefined;

  constructor(private readonly options: LxcRuntimeOptions) {
    this.log = options.log ?? (() => undefined);
    this.names = labNames(options.name, options.stateDir);
    this.pool = new StoragePool(this.names.paths);
    this.volumes = new Volumes(this.names.paths, this.pool);
    this.network = new SwitchNetwork(this.names);
    this.records = new GuestRecords(this.names.paths);
    this.guests = new LxcGuests(
      this.names,
      this.records,
      this.pool,
      this.network,
      new GuestFolder(this.names, this.pool, this.volumes, this.network, () => this.proxyUrl),
    );
    this.imageCache = new ImageCache(join(this.cacheDir, 'images'), this.log);
  }

  async open(networks: readonly LabNetwork[], signal: AbortSignal): Promise<void> {
    const report = await probeRealGuests(this.options.stateDir);
    if (!report.possible)
      throw new RuntimeError(`real guests are not possible on this machine:\n${describeProbe(report)}`);
    await mkdir(this.names.paths.guests, { recursive: true });
    await raiseHostSettings();
    await this.network.open(networks);
    await this.network.inside('nft', ['-f', '-'], FIREWALL_BASE);
    await this.pool.open(this.options.diskBytes, signal);
    await this.records.load();
    await this.openProxy();
    const adopted = await this.guests.adopt();
    if (adopted.length > 0) this.log('guests still run', { vmids: adopted });
    for (const saved of await this.savedFirewalls()) await this.applyFirewall(saved);
    await this.imageCache.builtin(signal);
    this.guests.watch();
  }

  async close(options: { keepGuests: boolean }): Promise<void> {
    this.guests.unwatch();
    await this.proxy?.close();
    this.proxy = undefined;
    if (options.keepGuests) return;
    await this.records.load();
    await Promise.all(this.records.all().map((record) => this.guests.stop(record.vmid)));
    await this.network.close();
    await this.pool.close();
    await removeCgroups(this.names.cgroup);
    await restoreHostSettings();
  }

  async images(): Promise<readonly { name: string; sizeBytes: number }[]> {
    return [{ name: IMAGE_NAME, sizeBytes: (await stat(await this.imageCache.builtin())).size }];
  }

  async createVolume(
    volume: RuntimeVolume,
    from: { image: string } | { empty: true } | { clone: RuntimeVolume; fresh: boolean },
    signal: AbortSignal,
  ): Promise<void> {
    await this.volumes.create(
      volume,
      'image' in from ? { archive: await this.imageCache.file(from.image, signal) } : from,
      signal,
    );
  }

  resizeVolume = (volume: RuntimeVolume): Promise<void> => this.volumes.resize(volume);
  removeVolume = (volume: RuntimeVolume): Promise<void> => this.volumes.remove(volume);
  volumeUsage = (volume: RuntimeVolume): Promise<number> => this.volumes.usage(volume);

  async snapshotVolumes(volumes: readonly RuntimeVolume[], snapshot: string): Promise<void> {
    await this.inOneMoment(volumes, () => this.volumes.snapshot(volumes, snapshot));
  }

  rollbackVolumes = (volumes: readonly RuntimeVolume[], snapshot: string): Promise<void> =>
    this.volumes.rollback(volumes, snapshot);
  removeSnapshot = (volumes: readonly RuntimeVolume[], snapshot: string): Promise<void> =>
    this.volumes.removeSnapshot(volumes, snapshot);

  backupVolumes = (volumes: readonly RuntimeVolume[], file: string, signal: AbortSignal): Promise<void> =>
    this.volumes.backup(volumes, file, signal, (action) => this.inOneMoment(volumes, action));

  restoreVolumes = (volumes: readonly RuntimeVolume[], file: string, signal: AbortSignal): Promise<void> =>
    this.volumes.restore(volumes, file, signal);

  start = (guest: GuestDefinition, signal: AbortSignal): Promise<void> => this.guests.start(guest, signal);
  shutdown = (vmid: number, timeoutSeconds: number, signal: AbortSignal): Promise<void> =>
    this.guests.shutdown(vmid, timeoutSeconds, signal);
  stop = (vmid: number): Promise<void> => this.guests.stop(vmid);

  async reboot(guest: GuestDefinition, timeoutSeconds: number, signal: AbortSignal): Promise<void> {
    await this.guests.shutdown(guest.vmid, timeoutSeconds, signal);
    await this.guests.start(guest, signal);
  }

  async suspend(vmid: number): Promise<void> {
    await this.guests.mustRun(vmid);
    await this.guests.cgroups(vmid).freeze(true);
  }

  async resume(vmid: number): Promise<void> {
    await this.guests.mustRun(vmid);
    await this.guests.cgroups(vmid).freeze(false);
  }

  async limit(vmid: number, limits: { cpus: number; memoryBytes: number }): Promise<void> {
    const record = await this.guests.mustRun(vmid);
    await this.guests.cgroups(vmid).limit(limits);
    await this.records.write({ ...record, definition: { ...record.definition, ...limits } });
  }

  async usage(vmid: number): Promise<GuestUsage> {
    for (let tries = 1; ; tries += 1) {
      const record = await this.guests.running(vmid);
      if (!record) return idleUsage(0);
      try {
        const disk = await this.volumes.usage(record.definition.root);
        return await this.meter.read(record, this.guests.cgroups(vmid), disk);
      } catch (cause) {
        // It is just ending, or was started anew between two reads.
        if (tries === USAGE_TRIES) throw cause;
        await sleep(USAGE_PAUSE_MS);
      }
    }
  }

  async addresses(vmid: number): Promise<readonly { name: string; mac: string; addresses: readonly string[] }[]> {
    return guestAddresses((await this.guests.mustRun(vmid)).init.pid);
  }

  async exec(
    vmid: number,
    command: readonly string[],
    options: { input?: Buffer; timeoutMs: number },
  ): Promise<ExecResult> {
    return (await this.access(vmid)).exec(command, options);
  }

  async writeFile(vmid: number, path: string, content: Buffer, mode: number): Promise<void> {
    await (await this.access(vmid)).writeFile(path, content, mode);
  }

  async readFile(vmid: number, path: string, limitBytes: number): Promise<Buffer> {
    return (await this.access(vmid)).readFile(path, limitBytes);
  }

  async console(vmid: number): Promise<GuestConsole> {
    return (await this.access(vmid)).console();
  }

  async firewall(guest: { vmid: number; nics: readonly GuestNic[] }, firewall: GuestFirewall): Promise<void> {
    await this.applyFirewall({ ...guest, firewall });
    // Guests start side by side; the file holds all of them, so one change at a time.
    const saved = this.savingFirewalls.then(() => this.saveFirewall(guest, firewall));
    this.savingFirewalls = saved.catch(() => undefined);
    await saved;
  }

  private savingFirewalls: Promise<unknown> = Promise.resolve();

  private async saveFirewall(
    guest: { vmid: number; nics: readonly GuestNic[] },
    firewall: GuestFirewall,
  ): Promise<void> {
    const others = (await this.savedFirewalls()).filter((saved) => saved.vmid !== guest.vmid);
    const all = firewall.enabled ? [...others, { ...guest, firewall }] : others;
    await writeFile(`${this.firewallFile}.new`, JSON.stringify(all), { mode: 0o600 });
    await rename(`${this.firewallFile}.new`, this.firewallFile);
  }

  onExit(listener: (vmid: number) => void): void {
    this.guests.onExit(listener);
  }

  private get cacheDir(): string {
    return this.options.cacheDir ?? '/var/cache/bastide';
  }

  private get firewallFile(): string {
    return join(this.names.paths.root, 'firewalls.json');
  }

  private async access(vmid: number): Promise<GuestAccess> {
    await this.guests.mustRun(vmid);
    return new GuestAccess(this.pool, this.pool.seen(this.names.paths.guests), vmid);
  }

  private async savedFirewalls(): Promise<SavedFirewall[]> {
    return JSON.parse(await readFile(this.firewallFile, 'utf8').catch(() => '[]')) as SavedFirewall[];
  }

  private async applyFirewall({ vmid, nics, firewall }: SavedFirewall): Promise<void> {
    const listed = await this.network.inside('nft', ['list', 'map', 'inet', 'bastide', 'to_guest']);
    const known = [...listed.matchAll(/"(fwbr(\d+)i\d+)" :/g)]
      .filter((match) => Number(match[2]) === vmid)
      .map((match) => match[1]!);
    await this.network.inside('nft', ['-f', '-'], firewallScript(vmid, nics, firewall, known));
  }

  /** Holds guests that run on several of these volumes still, so that no write falls between two snapshots. */
  private async inOneMoment(volumes: readonly RuntimeVolume[], action: () => Promise<void>): Promise<void> {
    const wanted = new Set(volumes.map((volume) => `${volume.storage}:${volume.name}`));
    const uses = (record: { definition: GuestDefinition }) =>
      [record.definition.root, ...record.definition.mounts.map((mount) => mount.volume)].filter((v) =>
        wanted.has(`${v.storage}:${v.name}`),
      ).length;
    const held: number[] = [];
    try {
      if (volumes.length > 1) {
        for (const record of this.records.all()) {
          if (uses(record) === 0 || !(await this.guests.running(record.vmid))) continue;
          await this.guests.cgroups(record.vmid).freeze(true);
          held.push(record.vmid);
        }
      }
      await action();
    } finally {
      for (const vmid of held)
        await this.guests
          .cgroups(vmid)
          .freeze(false)
          .catch(() => undefined);
    }
  }

  private async openProxy(): Promise<void> {
    if (this.proxy) return;
    const upstream = /"(http:[^"]+)"/.exec(
      (await tryCommand('apt-config', ['dump', 'Acquire::http::Proxy'])).stdout.toString(),
    )?.[1];
    const proxy = new AptProxy({
      cacheFolder: join(this.cacheDir, 'apt'),
      sources: await hostAptSources(),
      ...(upstream ? { upstream } : {}),
      log: this.log,
    });
    const port = await proxy.open(this.names.hostAddress, APT_PROXY_PORT);
    this.proxy = proxy;
    this.proxyUrl = `http://${this.names.hostAddress}:${port}`;
  }
}

/** How often a guest that changes under the reader is looked at, and how long after each other. */
const USAGE_TRIES = 10;
const USAGE_PAUSE_MS = 20;

interface SavedFirewall {
  readonly vmid: number;
  readonly nics: readonly GuestNic[];
  readonly firewall: GuestFirewall;
}

/** Fixed, so that guests that outlive the lab find its successor; the address is the lab's own. */
const APT_PROXY_PORT = 3142;
