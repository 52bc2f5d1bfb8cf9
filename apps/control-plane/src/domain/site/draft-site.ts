import type { Site, Zone } from './site.js';

export interface DraftFacts {
  readonly name: string;
  readonly domain: string;
  readonly country: string;
  readonly adminEmail: string;
  readonly endpoint: string;
  readonly fingerprint: string;
  readonly storages: readonly {
    readonly name: string;
    readonly content: readonly string[];
    readonly freeGiB: number;
  }[];
  readonly templates: readonly string[];
  readonly bridges: readonly { readonly name: string; readonly cidr?: string; readonly gateway?: string }[];
  readonly guestIds: readonly number[];
  /** Address of the control plane as guests see it. */
  readonly controlPlane: string;
}

const IDS = 1_000;
const ZONES = ['edge', 'services', 'apps'] as const;
/** Addresses of a /24 that a draft proposes, per zone; the admin says whether they are free. */
const FIRST_OCTET = 100;
const PER_ZONE = 40;

/**
 * A site as well as it can be guessed: the roomiest storage for containers, the newest Debian 12 template, the first bridge
 * with an address, a range of ids that nobody has. All zones share that bridge's network, apart by their ranges of addresses.
 * `open` names what could not be guessed.
 */
export function draftSite(facts: DraftFacts): { readonly site: Site; readonly open: readonly string[] } {
  const open: string[] = [];
  const storage = [...facts.storages]
    .filter(({ content }) => content.includes('rootdir'))
    .sort((a, b) => b.freeGiB - a.freeGiB)[0];
  if (!storage) open.push('storageClasses.guests');
  const template = [...facts.templates]
    .filter((volume) => /debian-12/.test(volume))
    .sort((a, b) => (a < b ? 1 : -1))[0];
  if (!template) open.push('images.debian-12');
  const bridge = facts.bridges.find(({ cidr, gateway }) => cidr && gateway) ?? facts.bridges[0];
  const network = bridge?.cidr && bridge.gateway ? networkOf(bridge.cidr) : undefined;
  if (!bridge || !network) open.push('zones');
  // Guests must not answer on the addresses of anybody else: only the admin knows which are free.
  open.push('zones.addresses');
  const prefix = (network ?? '192.0.2.0/24').replace(/\.\d+\/\d+$/, '');
  const zone = (index: number): Zone => ({
    bridge: bridge?.name ?? 'vmbr0',
    cidr: network ?? '192.0.2.0/24',
    gateway: bridge?.gateway ?? '192.0.2.1',
    addresses: {
      from: `${prefix}.${FIRST_OCTET + index * PER_ZONE}`,
      to: `${prefix}.${FIRST_OCTET + (index + 1) * PER_ZONE - 1}`,
    },
  });
  return {
    open,
    site: {
      name: facts.name,
      domain: facts.domain,
      country: facts.country,
      locale: 'C.UTF-8',
      timeZone: 'Etc/UTC',
      adminEmail: facts.adminEmail,
      resolvers: [],
      managementNetworks: [`${facts.controlPlane}/32`],
      substrates: {
        pve: {
          kind: 'proxmox',
          endpoint: facts.endpoint,
          fingerprint: facts.fingerprint,
          credential: 'secret:pve-token',
          guestIds: freeIds(facts.guestIds),
          storageClasses: { guests: storage?.name ?? 'local-lvm' },
          images: {
            'debian-12': {
              container: { volume: template ?? 'local:vztmpl/debian-12-standard_12.12-1_amd64.tar.zst' },
            },
          },
          nodes: [],
        },
      },
      zones: Object.fromEntries(ZONES.map((name, index) => [name, zone(index)])),
    },
  };
}

/** `192.168.1.10/24` → `192.168.1.0/24`; only a /24 can be cut into ranges by its last number. */
function networkOf(cidr: string): string | undefined {
  const match = /^(\d+\.\d+\.\d+)\.\d+\/24$/.exec(cidr);
  return match ? `${match[1]}.0/24` : undefined;
}

function freeIds(taken: readonly number[]): { from: number; to: number } {
  for (let from = 5_000; ; from += IDS) {
    if (!taken.some((id) => id >= from && id < from + IDS)) return { from, to: from + IDS - 1 };
  }
}
