/** What Proxmox fills into a new container's configuration. */
import type { GuestConfig } from '../state/model.js';

export const MOUNT_KEYS = /^(?:rootfs|mp\d+)$/;

export function defaultContainerConfig(vmid: number, template: string): GuestConfig {
  const name = template.split('/').at(-1) ?? '';
  const ostype =
    /^(debian|devuan|ubuntu|centos|fedora|opensuse|archlinux|alpine|gentoo|nixos)/.exec(name)?.[1] ?? 'unmanaged';
  return { arch: 'amd64', hostname: `CT${vmid}`, memory: 512, swap: 512, ostype };
}
