import type { GuestId } from '../../domain/ids.js';
import { Refusal } from '../../domain/problem.js';
import type { OwnershipStamp } from '../../domain/stack/guest-spec.js';
import { text } from './answers.js';
import type { GuestConfig } from './guest-config.js';

/**
 * The ownership stamp on a Proxmox guest, three times: a tag (seen in /cluster/resources without reading each config),
 * a line of the description (exact, with site, stack and guest number) and, on machines, the SMBIOS serial number. The
 * guest number is part of it because a clone made by hand copies description and tags: it is not ours.
 */
const OURS = 'bastide';
const LINE = /^bastide-guest: (\S+) site: (\S+) stack: (\S+) id: (\d+)\s*$/m;

/** `bastide;bastide-gst_01j…`: Proxmox lower-cases tags; ours are upper-case ULIDs behind their prefix. */
export const stampTags = (guest: GuestId): string => `${OURS};${tagOf(guest)}`;

const tagOf = (guest: GuestId): string => `${OURS}-${guest.toLowerCase().replace(/[^a-z0-9_.+-]/g, '-')}`;

export const hasTagOf = (tags: unknown, guest: GuestId): boolean => tagList(tags).includes(tagOf(guest));

/** The guest id in the tags: `gst_` and the ULID in capitals again. */
export function guestInTags(tags: unknown): GuestId | undefined {
  const tag = tagList(tags).find((t) => t.startsWith(`${OURS}-gst_`));
  return tag === undefined ? undefined : (`gst_${tag.slice(OURS.length + 5).toUpperCase()}` as GuestId);
}

const tagList = (tags: unknown): string[] => (typeof tags === 'string' ? tags.split(/[;, ]+/) : []);

export function stampDescription(stamp: OwnershipStamp, vmid: number, what: string): string {
  return `${what}\n\nManaged by Bastide; the next line says whose this guest is, please keep it.\n\nbastide-guest: ${stamp.guest} site: ${stamp.site} stack: ${stamp.stack} id: ${vmid}`;
}

/** SMBIOS serial of a machine: base64, because `_` is not allowed in the clear. */
export const stampSerial = (guest: GuestId): string => Buffer.from(guest).toString('base64');

export interface ReadStamp extends OwnershipStamp {
  readonly vmid: number;
}

export function readStamp(config: GuestConfig): ReadStamp | undefined {
  const match = LINE.exec(text(config.description ?? '').replaceAll('\r', ''));
  if (!match) return undefined;
  return { guest: match[1] as GuestId, site: match[2]!, stack: match[3]!, vmid: Number(match[4]) };
}

/** Whether a config carries this guest's stamp at this number, in every place where it must be. */
export function carries(config: GuestConfig, guest: GuestId, vmid: number): boolean {
  const stamp = readStamp(config);
  if (stamp?.guest !== guest || stamp.vmid !== vmid) return false;
  // A clone under way has its description already, tags and serial follow: absent is fine there, different never.
  const inTags = guestInTags(config.tags);
  if (inTags !== undefined && !hasTagOf(config.tags, guest)) return false;
  const serial = /(?:^|,)serial=([^,]+)/.exec(text(config.smbios1 ?? ''))?.[1];
  return serial === undefined || serial === stampSerial(guest);
}

/** As `carries`, and site and stack are the recorded ones. */
export function isOwned(config: GuestConfig, stamp: OwnershipStamp, vmid: number): boolean {
  const found = readStamp(config);
  return carries(config, stamp.guest, vmid) && found?.site === stamp.site && found.stack === stamp.stack;
}

export function notOurs(stamp: OwnershipStamp, where: string, config: GuestConfig | undefined): Refusal {
  const found = config && readStamp(config);
  return new Refusal({
    code: 'guest.not_ours',
    subject: where,
    message: found
      ? `It carries the ownership stamp of ${found.guest} (site ${found.site}, stack ${found.stack}, id ${found.vmid}), not of ${stamp.guest} (site ${stamp.site}, stack ${stamp.stack}).`
      : `It does not carry the ownership stamp of ${stamp.guest}; somebody else made it or changed its description. Nothing was touched.`,
    remedy:
      'Look at the guest in Proxmox VE. If it is a stranger, remove ours from the record; if it is ours, put the line starting with "bastide-guest:" back into its notes.',
    details: { expected: { ...stamp }, ...(found ? { found: { ...found } } : {}) },
  });
}
