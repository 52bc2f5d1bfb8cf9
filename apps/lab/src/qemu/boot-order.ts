/** `boot: order=scsi0;net0`. */
import { parseOption } from '../guests/disks.js';
import type { GuestConfig } from '../state/model.js';
import { isCdrom, parseDrive } from './drives.js';

const count = (name: string, number: number) => Array.from({ length: number }, (_, index) => `${name}${index}`);
/** In the order Proxmox looks for something to boot. */
const BOOTABLE = [...count('ide', 4), ...count('scsi', 31), ...count('virtio', 16), ...count('sata', 6)];

/** Devices of an explicit order; empty without one. */
export function bootOrder(config: Readonly<GuestConfig>): string[] {
  const { boot } = config;
  if (boot === undefined || String(boot).trim() === '') return [];
  return (parseOption('qemu', 'boot', boot).order ?? '').split(/[;\s]+/).filter((device) => device !== '');
}

export const printBootOrder = (devices: readonly string[]) =>
  devices.length === 0 ? '' : `order=${devices.join(';')}`;

/** First disk, first drive with a medium, first interface. */
export function defaultBootOrder(config: Readonly<GuestConfig>): string[] {
  const first = (cdrom: boolean) =>
    BOOTABLE.find((key) => {
      const value = config[key];
      const drive = value === undefined ? undefined : parseDrive(key, value);
      return drive !== undefined && isCdrom(drive) === cdrom;
    });
  const nic = count('net', 32).find((key) => config[key] !== undefined);
  return [first(false), first(true), nic].filter((key) => key !== undefined);
}
