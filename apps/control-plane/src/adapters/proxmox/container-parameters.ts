import { propertyString } from './guest-config.js';
import type { Making } from './making.js';
import { stampDescription, stampTags } from './ownership.js';

/** Parameters of POST /nodes/{node}/lxc (Proxmox VE 9.2). Everything goes into one call, so a container is made whole or not at all. */
export function containerParameters({ spec, stamp, access }: Making, vmid: number): Record<string, unknown> {
  const { network } = spec;
  const mounts = spec.volumes.map((volume, n) => [
    `mp${n}`,
    propertyString({ mp: volume.path, backup: 1 }, `${spec.storage}:${volume.sizeGiB}`),
  ]);
  return {
    vmid,
    ostemplate: spec.image,
    hostname: spec.hostname,
    unprivileged: true,
    cores: spec.cpus,
    memory: spec.memoryMiB,
    swap: 0,
    rootfs: `${spec.storage}:${spec.diskGiB}`,
    ...Object.fromEntries(mounts),
    net0: propertyString({
      name: 'eth0',
      bridge: network.bridge,
      firewall: 1,
      gw: network.gateway,
      hwaddr: network.mac,
      ip: `${network.address}/${network.prefix}`,
      tag: network.vlan,
      type: 'veth',
    }),
    // Absent, Proxmox hands the node's own resolver to the guest.
    nameserver: spec.nameservers.length > 0 ? spec.nameservers.join(' ') : undefined,
    searchdomain: spec.domain,
    'ssh-public-keys': access.sshPublicKey.trim(),
    features: spec.features.includes('nesting') ? 'nesting=1' : undefined,
    // The console is a root shell, not a login prompt: that is how the host keys are read without SSH.
    cmode: 'shell',
    tags: stampTags(stamp.guest),
    description: stampDescription(stamp, vmid, spec.key),
    onboot: true,
    pool: spec.pool,
  };
}
