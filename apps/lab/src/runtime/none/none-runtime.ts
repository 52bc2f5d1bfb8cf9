/**
 * API-only mode: guests without processes or disks, for thousands of them and for machines without root. Each has a stable
 * ed25519 host key, a few files and a shell that knows a handful of commands, enough for a client to learn the key and to
 * exercise exec and file calls. It never pretends to run software.
 */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import {
  type ExecResult,
  type GuestConsole,
  type GuestDefinition,
  type GuestRuntime,
  type GuestUsage,
  RuntimeError,
  type RuntimeVolume,
} from '../guest-runtime.port.js';
import { hostPublicKey } from './host-key.js';
import { modelUsage, NOTHING } from './model-usage.js';
import { openShell, runCommand } from './tiny-shell.js';

const NONE_IMAGE = 'debian-12-bastide_12.0-1_amd64.tar.zst';
const IMAGE_BYTES = 53 * 2 ** 20;
const HOST_KEY_FILE = '/etc/ssh/ssh_host_ed25519_key.pub';

export class NoneRuntime implements GuestRuntime {
  private readonly guests = new Map<number, { definition?: GuestDefinition; since: number; pid: number }>();
  private readonly files = new Map<number, Map<string, Buffer>>();
  private nextPid = 3000;

  constructor(
    /** Stable per installation of a guest; what its host key is made of. */
    private readonly seedOf: (vmid: number) => string,
    private readonly now: () => number,
  ) {}

  async open(): Promise<void> {}
  async close(): Promise<void> {
    this.guests.clear();
  }

  async images() {
    return [{ name: NONE_IMAGE, sizeBytes: IMAGE_BYTES }];
  }

  async createVolume(_volume: RuntimeVolume, _from: unknown, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
  }
  async resizeVolume(): Promise<void> {}
  async removeVolume(): Promise<void> {}
  async volumeUsage(): Promise<number> {
    return 0;
  }
  async snapshotVolumes(): Promise<void> {}
  async rollbackVolumes(): Promise<void> {}
  async removeSnapshot(): Promise<void> {}

  async backupVolumes(volumes: readonly RuntimeVolume[], file: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await mkdir(dirname(file), { recursive: true });
    await writeFile(`${file}.tmp`, `${JSON.stringify({ lab: 'API-only', volumes })}\n`);
    await rename(`${file}.tmp`, file);
  }

  async restoreVolumes(_volumes: readonly RuntimeVolume[], file: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const text = await readFile(file, 'utf8');
    if (!text.startsWith('{"lab":')) throw new RuntimeError('not an archive of an API-only lab');
  }

  /** After a restart of the lab: this one ran. */
  adopt(vmid: number, definition: GuestDefinition | undefined, since: number, pid: number): void {
    this.guests.set(vmid, { ...(definition ? { definition } : {}), since, pid });
  }

  async start(definition: GuestDefinition, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.guests.has(definition.vmid)) return;
    this.nextPid += 1;
    this.guests.set(definition.vmid, { definition, since: this.now(), pid: this.nextPid });
  }

  async shutdown(vmid: number): Promise<void> {
    this.guests.delete(vmid);
  }
  async stop(vmid: number): Promise<void> {
    this.guests.delete(vmid);
  }
  async reboot(definition: GuestDefinition, _timeout: number, signal: AbortSignal): Promise<void> {
    this.guests.delete(definition.vmid);
    await this.start(definition, signal);
  }
  async suspend(): Promise<void> {}
  async resume(): Promise<void> {}
  async limit(): Promise<void> {}

  async usage(vmid: number): Promise<GuestUsage> {
    return this.usageAt(vmid, this.now());
  }

  usageAt(vmid: number, time: number): GuestUsage {
    const guest = this.guests.get(vmid);
    return {
      running: guest !== undefined,
      ...(guest ? { pid: guest.pid } : {}),
      uptimeSeconds: guest ? Math.max(0, Math.floor((time - guest.since) / 1000)) : 0,
      ...(guest?.definition ? modelUsage(guest.definition, time, guest.since) : NOTHING),
    };
  }

  async addresses(vmid: number) {
    const { definition } = this.running(vmid);
    return [
      { name: 'lo', mac: '00:00:00:00:00:00', addresses: ['127.0.0.1/8', '::1/128'] },
      ...(definition?.nics ?? []).map((nic) => ({
        name: nic.name,
        mac: nic.mac.toLowerCase(),
        addresses: nic.address === 'manual' ? [] : [nic.address],
      })),
    ];
  }

  private running(vmid: number) {
    const guest = this.guests.get(vmid);
    if (!guest) throw new RuntimeError(`guest ${vmid} is not running`);
    return guest;
  }

  private read(vmid: number, path: string): Buffer | undefined {
    const written = this.files.get(vmid)?.get(path);
    if (written) return written;
    const hostname = this.guests.get(vmid)?.definition?.hostname ?? `guest${vmid}`;
    if (path === HOST_KEY_FILE) return Buffer.from(`${hostPublicKey(this.seedOf(vmid))} root@${hostname}\n`);
    if (path === '/etc/hostname') return Buffer.from(`${hostname}\n`);
    return undefined;
  }

  async exec(
    vmid: number,
    command: readonly string[],
    options: { input?: Buffer; timeoutMs: number },
  ): Promise<ExecResult> {
    this.running(vmid);
    const result = runCommand(command, (path) => this.read(vmid, path), options.input);
    return { ...result, stdout: Buffer.from(result.stdout), stderr: Buffer.from(result.stderr) };
  }

  async writeFile(vmid: number, path: string, content: Buffer): Promise<void> {
    this.running(vmid);
    const files = this.files.get(vmid) ?? new Map<string, Buffer>();
    files.set(path, content);
    this.files.set(vmid, files);
  }

  async readFile(vmid: number, path: string, limitBytes: number): Promise<Buffer> {
    this.running(vmid);
    const content = this.read(vmid, path);
    if (!content) throw new RuntimeError(`failed to open file '${path}' (mode: 'r'): No such file or directory`);
    return content.subarray(0, limitBytes);
  }

  async console(vmid: number): Promise<GuestConsole> {
    const { definition } = this.running(vmid);
    return openShell(definition?.hostname ?? 'guest', (path) => this.read(vmid, path));
  }

  async firewall(): Promise<void> {}
  onExit(): void {}
}
