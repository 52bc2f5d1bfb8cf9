import { Refusal } from '../../domain/problem.js';
import type { GuestSpec } from '../../domain/stack/guest-spec.js';
import { text } from './answers.js';

/** A guest's config as the API reads it back: untrusted, types vary (memory of a machine is a string). */
export type GuestConfig = Readonly<Record<string, unknown>>;

/** `net0`-like property string; an absent value leaves its key out. */
export function propertyString(properties: Record<string, string | number | undefined>, first?: string): string {
  const pairs = Object.entries(properties).filter(([, v]) => v !== undefined);
  return [...(first === undefined ? [] : [first]), ...pairs.map(([k, v]) => `${k}=${v}`)].join(',');
}

/** `local:100/vm-100-disk-0.raw,mp=/srv,size=8G` → `{ volume: 'local:100/…', mp: '/srv', size: '8G' }`. */
export function parseDisk(value: unknown): { readonly volume: string; readonly [key: string]: string } | undefined {
  if (typeof value !== 'string' || value.length === 0) return undefined;
  const [first = '', ...rest] = value.split(',');
  const pairs = rest.map((p) => [p.slice(0, p.indexOf('=')), p.slice(p.indexOf('=') + 1)] as const);
  const volume = first.startsWith('volume=') || first.startsWith('file=') ? first.slice(first.indexOf('=') + 1) : first;
  return { ...Object.fromEntries(pairs), volume };
}

const UNITS: Record<string, number> = { '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3, T: 1024 ** 4 };

/** `8G`, `512M` → GiB. */
export function parseGiB(text: string | undefined): number | undefined {
  const match = /^(\d+(?:\.\d+)?)([KMGT]?)$/.exec(text ?? '');
  return match ? (Number(match[1]) * UNITS[match[2]!]!) / 1024 ** 3 : undefined;
}

/** Config keys of all volumes that belong to the guest, with their volume ids. */
export function volumesOf(config: GuestConfig): Map<string, string> {
  const volumes = new Map<string, string>();
  for (const [key, value] of Object.entries(config)) {
    if (!/^(rootfs|(?:mp|unused|scsi|virtio|sata|ide|efidisk|tpmstate)\d+)$/.test(key)) continue;
    const disk = parseDisk(value);
    // A bind mount (/path) and a medium (iso) are not the guest's; the cloud-init drive is.
    if (!disk?.volume.includes(':') || /:iso\//.test(disk.volume)) continue;
    volumes.set(key, disk.volume);
  }
  return volumes;
}

/** Mount path → GiB of a container's mount points. */
export function mountSizes(config: GuestConfig): Record<string, number> {
  const sizes: Record<string, number> = {};
  for (const [key, value] of Object.entries(config)) {
    const disk = /^mp\d+$/.test(key) ? parseDisk(value) : undefined;
    const size = parseGiB(disk?.size);
    if (disk?.mp && size !== undefined) sizes[disk.mp] = size;
  }
  return sizes;
}

/** Key of the root disk: `rootfs`, or what a machine boots from. */
export function rootKey(config: GuestConfig, kind: 'container' | 'vm'): string {
  if (kind === 'container') return 'rootfs';
  const order = /order=([^,]+)/.exec(text(config.boot ?? ''))?.[1]?.split(';') ?? [];
  const candidates = [...order, text(config.bootdisk ?? ''), 'scsi0', 'virtio0', 'sata0', 'ide0'];
  const isDisk = (key: string) => /^(scsi|virtio|sata|ide)\d+$/.test(key) && !/media=cdrom/.test(text(config[key]));
  return candidates.find((key) => isDisk(key) && config[key] !== undefined) ?? 'scsi0';
}

/** What this substrate cannot do is refused before anything is made. */
export function refuseUnsupported(spec: GuestSpec): void {
  const refuse = (subject: string, message: string, remedy: string): never => {
    throw new Refusal({ code: 'change.unsupported', subject: `${spec.key}: ${subject}`, message, remedy });
  };
  if (spec.kind === 'vm' && spec.volumes.length > 0) {
    refuse(
      'volumes',
      'Volumes on virtual machines are not supported yet.',
      'Make it a container, or put the data on the root disk.',
    );
  }
  for (const feature of spec.features) {
    if (feature === 'nesting') continue;
    refuse(
      `feature ${feature}`,
      'An API token may give a container only the feature "nesting"; all others are reserved to root@pam.',
      'Use a module without it, run it as a virtual machine, or set the feature by hand on the node.',
    );
  }
}
