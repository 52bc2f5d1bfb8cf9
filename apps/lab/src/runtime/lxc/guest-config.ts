/** LXC's configuration of one guest, as text (lxc.container.conf(5)). Pure: everything that varies comes in. */
import type { GuestDefinition } from '../guest-runtime.port.js';
import { RuntimeError } from '../guest-runtime.port.js';
import { type CgroupLayout, cgroupLayout, GuestCgroups } from './cgroups.js';
import { ID_RANGE } from './lab-names.js';

export interface GuestPlaces {
  readonly rootPath: string;
  /** Same order as `definition.mounts`. */
  readonly mountPaths: readonly string[];
  readonly seedPath: string;
  /** Scripts that plug the interfaces in, same order as `definition.nics`. */
  readonly plugScripts: readonly string[];
  /** Names of the host's ends while LXC makes them: free on the host. */
  readonly hostInterfaces: readonly string[];
  /** What the monitor runs after the end. */
  readonly stopScript: string;
  readonly cgroup: string;
  readonly firstId: number;
}

/** Where the guest finds its seed; on the tmpfs that is its /dev, so that no volume ever holds it. */
export const SEED_MOUNT = 'dev/.bastide';

export function guestConfig(
  guest: GuestDefinition,
  places: GuestPlaces,
  layout: CgroupLayout = cgroupLayout(),
): string {
  const lines = [
    `lxc.uts.name = ${checked(guest.hostname, /^[A-Za-z0-9][A-Za-z0-9.-]{0,62}$/, 'host name')}`,
    `lxc.rootfs.path = dir:${places.rootPath}`,
    // Volumes hold the guest's own ids; the mount shifts them. So a clone is a snapshot and nothing else.
    'lxc.rootfs.options = idmap=container',
    `lxc.idmap = u 0 ${places.firstId} ${ID_RANGE}`,
    `lxc.idmap = g 0 ${places.firstId} ${ID_RANGE}`,
    `lxc.mount.auto = proc:rw sys:rw ${layout === 'unified' ? 'cgroup:rw:force' : 'cgroup:mixed'}`,
    'lxc.apparmor.profile = unconfined',
    'lxc.autodev = 1',
    'lxc.tty.max = 0',
    'lxc.pty.max = 1024',
    'lxc.init.cmd = /sbin/init',
    'lxc.signal.halt = SIGRTMIN+3',
    'lxc.environment = SYSTEMD_TMPFILES_FORCE_SUBVOL=0',
    `lxc.mount.entry = ${places.seedPath} ${SEED_MOUNT} none bind,ro,create=dir 0 0`,
    `lxc.hook.start = /${SEED_MOUNT}/apply`,
    `lxc.hook.post-stop = ${places.stopScript}`,
    ...new GuestCgroups(places.cgroup, layout).config(guest),
  ];
  guest.mounts.forEach((mount, index) => {
    const inside = checked(mount.path, /^\/[A-Za-z0-9._/-]+$/, 'mount path').replace(/^\/+|\/+$/g, '');
    if (inside.split('/').includes('..')) throw new RuntimeError(`'${mount.path}' is no path to mount a volume at`);
    lines.push(`lxc.mount.entry = ${places.mountPaths[index]} ${inside} none bind,create=dir,idmap=container 0 0`);
  });
  guest.nics.forEach((nic, index) => {
    const key = `lxc.net.${index}`;
    lines.push(
      `${key}.type = veth`,
      `${key}.name = ${checked(nic.name, /^[a-zA-Z][a-zA-Z0-9_.-]{0,14}$/, 'interface name')}`,
      `${key}.flags = up`,
      `${key}.hwaddr = ${checked(nic.mac.toLowerCase(), /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/, 'hardware address')}`,
      `${key}.veth.pair = ${places.hostInterfaces[index]}`,
      `${key}.script.up = ${places.plugScripts[index]}`,
    );
    if (nic.address !== 'manual')
      lines.push(`${key}.ipv4.address = ${checked(nic.address, /^\d+\.\d+\.\d+\.\d+\/\d+$/, 'address')}`);
    if (nic.gateway) lines.push(`${key}.ipv4.gateway = ${checked(nic.gateway, /^\d+\.\d+\.\d+\.\d+$/, 'gateway')}`);
  });
  if (guest.nics.length === 0) lines.push('lxc.net.0.type = empty');
  return `${lines.join('\n')}\n`;
}

function checked(value: string, shape: RegExp, what: string): string {
  if (!shape.test(value)) throw new RuntimeError(`'${value}' is no ${what} the lab can use`);
  return value;
}
