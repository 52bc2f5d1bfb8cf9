import type { GuestId } from '../../ids.js';
import type { GuestTemplate } from '../../module/manifest.js';
import type { SubstrateSettings, Zone } from '../../site/site.js';
import type { GuestSpec } from '../../stack/guest-spec.js';
import { type Draft, type MemberGuest, report } from '../draft.js';
import { dnsLabel, lowestFreeAddress, macOf, prefixOf } from '../network-address.js';
import { imageOf } from './place.js';

/** What nobody may be given any more, and what an earlier plan reserved for one of our own guests. */
interface Taken {
  readonly vmids: Map<string, Set<number>>;
  readonly addresses: Set<string>;
  readonly hostnames: Set<string>;
  readonly macs: Set<string>;
  /** Guest key → still good. */
  readonly reserved: Map<
    string,
    { vmid?: { scope: string; value: number }; address?: { scope: string; value: string } }
  >;
}

/**
 * After placing, because guest ids belong to the substrate; before configuring, because configuration and requests may
 * name addresses. Recorded guests keep what they have; one that vanished gets its own back, but for a guest id that a
 * stranger has by now.
 */
export function allocate(draft: Draft): void {
  const guests = [...draft.members.values()].flatMap((member) => member.guests);
  for (const guest of guests) {
    if (guest.recorded && guest.presence !== 'missing') guest.spec = guest.recorded.spec;
  }
  const coming = guests.filter((guest) => guest.presence === 'new' || guest.presence === 'missing');
  if (coming.length === 0) return;
  const taken = collectTaken(draft, coming);
  coming.sort((a, b) => (a.key < b.key ? -1 : 1));
  for (const guest of coming) if (guest.template && guest.site) specify(draft, guest, guest.template, taken);
}

function collectTaken(draft: Draft, coming: readonly MemberGuest[]): Taken {
  const { recorded, observed } = draft.input;
  const taken: Taken = {
    vmids: new Map(Object.entries(observed).map(([name, { guests }]) => [name, new Set(guests.map((g) => g.vmid))])),
    addresses: new Set(),
    hostnames: new Set(),
    macs: new Set(),
    reserved: new Map(),
  };
  for (const { spec, substrate, vmid } of recorded.guests) {
    taken.vmids.get(substrate)?.add(vmid);
    taken.addresses.add(spec.network.address);
    taken.hostnames.add(spec.hostname);
    taken.macs.add(spec.network.mac);
  }
  const own = new Set(coming.map((guest) => guest.key));
  for (const { kind, scope, value, owner } of recorded.reservations) {
    if (own.has(owner)) continue;
    if (kind === 'guest-id') taken.vmids.get(scope)?.add(Number(value));
    else taken.addresses.add(value);
  }
  // What an earlier plan holds for one of ours is taken for all the others of ours.
  for (const { kind, scope, value, owner } of recorded.reservations) {
    if (!own.has(owner)) continue;
    const reserved = taken.reserved.get(owner) ?? {};
    taken.reserved.set(owner, reserved);
    if (kind === 'guest-id') {
      const vmids = taken.vmids.get(scope);
      if (reserved.vmid || vmids === undefined || vmids.has(Number(value))) continue;
      reserved.vmid = { scope, value: Number(value) };
      vmids.add(Number(value));
    } else if (!reserved.address && !taken.addresses.has(value)) {
      reserved.address = { scope, value };
      taken.addresses.add(value);
    }
  }
  return taken;
}

function specify(draft: Draft, guest: MemberGuest, template: GuestTemplate, taken: Taken): void {
  const { site, sha256, newId, observed } = draft.input;
  const { substrate, node } = guest.site as { substrate: string; node: string };
  const settings = site.substrates[substrate];
  const zone = site.zones[template.zone];
  const image = imageOf(draft, substrate, template);
  if (settings === undefined || zone === undefined || image === undefined) {
    reportUnmapped(draft, guest, template, substrate, zone);
    return;
  }
  const before = guest.recorded;
  const stolen = before !== undefined && observed[substrate]?.guests.some((other) => other.vmid === before.vmid);
  const vmid = before && !stolen ? before.vmid : takeVmid(guest.key, substrate, settings, taken);
  const address = before?.spec.network.address ?? takeAddress(guest.key, template.zone, zone, taken);
  if (vmid === undefined) exhausted(draft, guest, `guest ids of ${substrate}`, settings.guestIds);
  if (address === undefined) exhausted(draft, guest, `addresses of zone ${template.zone}`, zone.addresses);
  if (vmid === undefined || address === undefined) return;
  const several = guest.owner.guests.length > 1;
  const wish = several
    ? `${guest.owner.stack}-${guest.owner.name}-${guest.name}`
    : `${guest.owner.stack}-${guest.owner.name}`;
  const hostname = before?.spec.hostname ?? uniqueName(wish, sha256(guest.key), taken.hostnames);
  const mac = before?.spec.network.mac ?? macOf(guest.key, sha256, (value) => taken.macs.has(value));
  taken.hostnames.add(hostname);
  taken.macs.add(mac);
  const spec: GuestSpec = {
    id: before?.id ?? (newId('gst') as GuestId),
    key: guest.key,
    substrate,
    node,
    vmid,
    kind: template.kind,
    hostname,
    domain: site.domain,
    image: image.volume,
    storage: settings.storageClasses.guests,
    cpus: template.cpus,
    memoryMiB: template.memoryMiB,
    diskGiB: template.diskGiB,
    volumes: Object.entries(template.volumes)
      .map(([name, volume]) => ({ name, path: volume.path, sizeGiB: volume.sizeGiB }))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
    network: {
      zone: template.zone,
      bridge: zone.bridge,
      ...(zone.vlan === undefined ? {} : { vlan: zone.vlan }),
      address,
      prefix: prefixOf(zone.cidr),
      gateway: zone.gateway,
      mac,
    },
    nameservers: [],
    features: template.features,
    ...(settings.pool === undefined ? {} : { pool: settings.pool }),
  };
  guest.spec = spec;
}

function takeVmid(key: string, substrate: string, settings: SubstrateSettings, taken: Taken): number | undefined {
  const reserved = taken.reserved.get(key)?.vmid;
  const { from, to } = settings.guestIds;
  if (reserved?.scope === substrate && reserved.value >= from && reserved.value <= to) return reserved.value;
  const vmids = taken.vmids.get(substrate);
  let vmid = from;
  while (vmid <= to && vmids?.has(vmid)) vmid += 1;
  if (vmids === undefined || vmid > to) return undefined;
  vmids.add(vmid);
  return vmid;
}

function takeAddress(key: string, name: string, zone: Zone, taken: Taken): string | undefined {
  const reserved = taken.reserved.get(key)?.address;
  if (reserved?.scope === name) return reserved.value;
  const address = lowestFreeAddress(zone.addresses, (value) => value === zone.gateway || taken.addresses.has(value));
  if (address !== undefined) taken.addresses.add(address);
  return address;
}

function uniqueName(wish: string, digest: string, taken: ReadonlySet<string>): string {
  const name = dnsLabel(wish, digest);
  return taken.has(name) ? dnsLabel(`${name.slice(0, 54)}-${digest.slice(0, 8)}`, digest) : name;
}

function exhausted(
  draft: Draft,
  guest: MemberGuest,
  what: string,
  range: { from: string | number; to: string | number },
): void {
  report(draft, 'error', {
    code: 'allocation.exhausted',
    subject: guest.key,
    message: `No free value is left among the ${what} (${range.from} to ${range.to}).`,
    remedy: 'Widen the range in the site, or remove what is not needed.',
    details: { from: range.from, to: range.to },
  });
}

function reportUnmapped(
  draft: Draft,
  guest: MemberGuest,
  template: GuestTemplate,
  substrate: string,
  zone: Zone | undefined,
): void {
  report(draft, 'error', {
    code: 'site.unmapped',
    subject: guest.key,
    message:
      zone === undefined
        ? `The guest needs zone ${template.zone}, which the site does not define.`
        : `The guest needs image ${template.image} for a ${template.kind}, which the site does not define on ${substrate}.`,
    remedy:
      zone === undefined
        ? `Add zones.${template.zone} to the site.`
        : `Add substrates.${substrate}.images.${template.image} to the site.`,
  });
}
