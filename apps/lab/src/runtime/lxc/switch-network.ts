/**
 * The lab's wires. One network namespace is switch and router at once: a Linux bridge per (bridge, VLAN) with the
 * gateway's address, and routing between them. The host has one veth into it and a route per network; it neither forwards
 * nor translates. The tag of a VLAN lives in the bridge's name only, since not every kernel filters VLANs.
 *
 * Each guest interface has a small bridge of its own in between, as Proxmox does it: everything to and from the guest,
 * bridged or routed, crosses it, and that is where the firewall sees connections.
 */
import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import type { GuestNic, LabNetwork } from '../guest-runtime.port.js';
import { RuntimeError } from '../guest-runtime.port.js';
import type { LabNames } from './lab-names.js';
import { runCommand, tryCommand } from './run-command.js';

/** Name of the Linux bridge: 15 characters at most, `vmbr3v20` for VLAN 20 on vmbr3. */
export function bridgeName(bridge: string, vlan?: number): string {
  const name = vlan === undefined ? bridge : `${bridge}v${vlan}`;
  if (!/^[a-zA-Z][a-zA-Z0-9_.-]{0,14}$/.test(name))
    throw new RuntimeError(`bridge '${name}' has no usable name for an interface`);
  return name;
}

/** Devices of one guest interface in the switch, named as on a Proxmox node. */
export const portNames = (vmid: number, index: number) => ({
  guest: `veth${vmid}i${index}`,
  bridge: `fwbr${vmid}i${index}`,
  inner: `fwln${vmid}i${index}`,
  outer: `fwpr${vmid}p${index}`,
});

export class SwitchNetwork {
  private networks: readonly LabNetwork[] = [];

  constructor(private readonly names: LabNames) {}

  /** Idempotent; asked again with more networks, it adds them. */
  async open(networks: readonly LabNetwork[]): Promise<void> {
    const { names } = this;
    this.networks = networks;
    if (!(await this.exists())) await runCommand('ip', ['netns', 'add', names.switchNamespace]);
    await this.inside('sysctl', [
      '-qw',
      'net.ipv4.ip_forward=1',
      'net.ipv6.conf.all.disable_ipv6=1',
      'net.ipv6.conf.default.disable_ipv6=1',
    ]);
    // Connections are tracked on the guests' own bridges only. Absent where the kernel lacks br_netfilter; the probe tells.
    await tryCommand('ip', [
      'netns',
      'exec',
      names.switchNamespace,
      'sysctl',
      '-qw',
      'net.bridge.bridge-nf-call-iptables=0',
      'net.bridge.bridge-nf-call-ip6tables=0',
      'net.bridge.bridge-nf-call-arptables=0',
    ]);
    await this.ip(['link', 'set', 'lo', 'up']);
    if ((await tryCommand('ip', ['link', 'show', names.hostInterface])).exitCode !== 0)
      await runCommand('ip', [
        'link',
        'add',
        names.hostInterface,
        'type',
        'veth',
        'peer',
        'name',
        'host',
        'netns',
        names.switchNamespace,
      ]);
    await runCommand('ip', ['address', 'replace', `${names.hostAddress}/30`, 'dev', names.hostInterface]);
    await runCommand('ip', ['link', 'set', names.hostInterface, 'up']);
    await this.ip(['address', 'replace', `${names.routerAddress}/30`, 'dev', 'host']);
    await this.ip(['link', 'set', 'host', 'up']);
    await this.ip(['route', 'replace', 'default', 'via', names.hostAddress]);
    for (const network of networks) await this.addNetwork(network);
  }

  async close(): Promise<void> {
    const { names } = this;
    await tryCommand('ip', ['link', 'delete', names.hostInterface]);
    if (await this.exists()) await runCommand('ip', ['netns', 'delete', names.switchNamespace]);
  }

  async exists(): Promise<boolean> {
    return (await readdir('/run/netns').catch(() => [] as string[])).includes(this.names.switchNamespace);
  }

  /** The bridge of a guest interface; a VLAN nobody declared gets a wire without a router. */
  async bridgeFor(nic: Pick<GuestNic, 'bridge' | 'vlan'>): Promise<string> {
    if (!this.networks.some((network) => network.bridge === nic.bridge))
      throw new RuntimeError(`bridge '${nic.bridge}' does not exist`);
    const name = bridgeName(nic.bridge, nic.vlan);
    await this.addBridge(name);
    return name;
  }

  /**
   * Shell script for LXC's `script.up`, run on the host with the host's end of the veth as fifth argument: moves it into
   * the switch and plugs it in. Runs again whenever the guest reboots by itself.
   */
  plugScript(vmid: number, index: number, bridge: string): string {
    const port = portNames(vmid, index);
    const ns = this.names.switchNamespace;
    return `#!/bin/sh
set -e
PATH=/usr/sbin:/usr/bin:/sbin:/bin
ip link set "$5" netns ${ns}
ip -n ${ns} link delete ${port.bridge} 2>/dev/null || true
ip -n ${ns} link delete ${port.outer} 2>/dev/null || true
ip -n ${ns} link delete ${port.guest} 2>/dev/null || true
exec ip -n ${ns} -batch - <<END
link set dev $5 name ${port.guest}
link add ${port.bridge} type bridge nf_call_iptables 1 nf_call_ip6tables 1 mcast_snooping 0
link add ${port.inner} type veth peer name ${port.outer}
link set ${port.guest} master ${port.bridge}
link set ${port.inner} master ${port.bridge}
link set ${port.outer} master ${bridge}
link set ${port.bridge} up
link set ${port.inner} up
link set ${port.outer} up
link set ${port.guest} up
END
`;
  }

  /** Takes the devices of a guest away; those that are gone already do not matter. */
  async unplug(vmid: number): Promise<void> {
    if (!(await this.exists())) return;
    const links = JSON.parse(await this.ip(['-j', 'link', 'show'])) as { ifname: string }[];
    const own = new RegExp(`^(veth|fwbr|fwpr)${vmid}[ip]\\d+$`);
    for (const { ifname } of links)
      if (own.test(ifname)) await tryCommand('ip', ['-n', this.names.switchNamespace, 'link', 'delete', ifname]);
  }

  /** Runs a command in the switch's namespace. */
  inside(command: string, args: readonly string[], input?: string): Promise<string> {
    return runCommand(
      'ip',
      ['netns', 'exec', this.names.switchNamespace, command, ...args],
      input === undefined ? {} : { input },
    );
  }

  private ip(args: readonly string[]): Promise<string> {
    return runCommand('ip', ['-n', this.names.switchNamespace, ...args]);
  }

  private async addNetwork(network: LabNetwork): Promise<void> {
    const { names } = this;
    const name = bridgeName(network.bridge, network.vlan);
    await this.addBridge(name);
    // A random address would leave guests with a stale neighbour after the router came back.
    const hash = createHash('sha256').update(`${names.name}/${name}`).digest('hex');
    await this.ip(['link', 'set', name, 'address', `02:${hash.slice(0, 10).match(/../g)!.join(':')}`]);
    await this.ip(['address', 'replace', `${network.gateway}/${network.cidr.split('/')[1]}`, 'dev', name]);
    const routes = JSON.parse(await runCommand('ip', ['-j', 'route', 'show', 'exact', network.cidr])) as {
      dev?: string;
    }[];
    const other = routes.find((route) => route.dev !== names.hostInterface);
    if (other)
      throw new RuntimeError(
        `network ${network.cidr} of ${name} is already routed to ${other.dev ?? 'somewhere else'} on this machine; give the lab another one`,
      );
    await runCommand('ip', ['route', 'replace', network.cidr, 'via', names.routerAddress, 'dev', names.hostInterface]);
  }

  private async addBridge(name: string): Promise<void> {
    if ((await tryCommand('ip', ['-n', this.names.switchNamespace, 'link', 'show', name])).exitCode !== 0)
      await this.ip(['link', 'add', name, 'type', 'bridge', 'mcast_snooping', '0', 'nf_call_iptables', '0']);
    await this.ip(['link', 'set', name, 'up']);
  }
}
