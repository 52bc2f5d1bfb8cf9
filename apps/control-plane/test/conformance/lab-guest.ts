import { execFileSync } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { GuestDefinition } from '../../../lab/src/runtime/guest-runtime.port.js';
import { LxcRuntime } from '../../../lab/src/runtime/lxc/lxc-runtime.js';
import { describeProbe, probeRealGuests } from '../../../lab/src/runtime/lxc/probe.js';
import { resetLxcRuntime } from '../../../lab/src/runtime/lxc/reset.js';
import type { GuestTarget } from '../../src/application/guests/guest-shell.port.js';

const VMID = 140;
/** Not a network that the demo uses, so that both can be up. */
/** Two runs of the tests on one machine keep out of each other’s way. */
const OCTET = 1 + (process.pid % 250);
const NETWORK = { bridge: 'vmbr0', cidr: `10.99.${OCTET}.0/24`, gateway: `10.99.${OCTET}.1` };

/** Why there can be no real guest here, or undefined. */
export async function noRealGuests(): Promise<string | undefined> {
  const report = await probeRealGuests(tmpdir());
  return report.possible ? undefined : describeProbe(report);
}

/** One real Linux container of a lab of the test's own; gone, with all the lab made, after `close`. */
export class LabGuest {
  readonly target: GuestTarget;

  private constructor(
    readonly privateKey: string,
    private readonly directory: string,
    private readonly name: string,
    private readonly runtime: LxcRuntime,
    private readonly definition: GuestDefinition,
    hostKey: string,
  ) {
    this.target = { guest: 'trial', address: `10.99.${OCTET}.70`, port: 22, user: 'root', hostKeys: [hostKey] };
  }

  static async start(name: string): Promise<LabGuest> {
    const directory = await mkdtemp(join(tmpdir(), 'bastide-guest-'));
    await chmod(directory, 0o711); // the container's root is nobody here and must get through
    const signal = AbortSignal.timeout(300_000);
    const runtime = new LxcRuntime({ name, stateDir: directory });
    try {
      execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(directory, 'key')]);
      await runtime.open([NETWORK], signal);
      const root = { storage: 'local', name: `subvol-${VMID}-disk-0`, sizeBytes: 4 * 2 ** 30 };
      const [image] = await runtime.images();
      await runtime.createVolume(root, { image: image!.name }, signal);
      const definition: GuestDefinition = {
        vmid: VMID,
        node: 'lab',
        hostname: 'trial',
        cpus: 2,
        memoryBytes: 1024 * 2 ** 20,
        root,
        mounts: [],
        nics: [
          {
            name: 'eth0',
            bridge: NETWORK.bridge,
            mac: 'bc:24:11:99:01:40',
            address: `10.99.${OCTET}.70/24`,
            gateway: NETWORK.gateway,
            firewall: false,
          },
        ],
        nameservers: [],
        sshKeys: [(await readFile(join(directory, 'key.pub'), 'utf8')).trim()],
        nesting: false,
      };
      await runtime.start(definition, signal);
      const hostKey = await hostKeyOf(runtime);
      return new LabGuest(
        await readFile(join(directory, 'key'), 'utf8'),
        directory,
        name,
        runtime,
        definition,
        hostKey,
      );
    } catch (error) {
      await runtime.close({ keepGuests: false }).catch(() => {});
      await resetLxcRuntime(name, directory);
      await rm(directory, { recursive: true, force: true });
      throw error;
    }
  }

  /** Straight into the guest, past SSH. */
  async sh(script: string): Promise<string> {
    const result = await this.runtime.exec(VMID, ['sh', '-c', script], { timeoutMs: 30_000 });
    if (result.exitCode !== 0) throw new Error(`in the guest: ${script}: ${result.stderr.toString()}`);
    return result.stdout.toString();
  }

  /** Through its init, as a person would. */
  reboot(): Promise<void> {
    return this.runtime.reboot(this.definition, 60, AbortSignal.timeout(90_000));
  }

  /** As when the power goes. */
  async crash(): Promise<void> {
    await this.runtime.stop(VMID);
    await this.runtime.start(this.definition, AbortSignal.timeout(60_000));
  }

  async close(): Promise<void> {
    await this.runtime.close({ keepGuests: false }).catch(() => {});
    await resetLxcRuntime(this.name, this.directory);
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** Out of band, as the product learns it too. The key is made at the first boot, so it may not be there yet. */
async function hostKeyOf(runtime: LxcRuntime): Promise<string> {
  for (let i = 0; i < 200; i++) {
    const result = await runtime
      .exec(VMID, ['cat', '/etc/ssh/ssh_host_ed25519_key.pub'], { timeoutMs: 10_000 })
      .catch(() => undefined);
    const key = result?.stdout.toString().trim();
    if (key) return key;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('the guest has no host key');
}
