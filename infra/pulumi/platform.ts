import * as proxmox from '@muhlba91/pulumi-proxmoxve';
import * as pulumi from '@pulumi/pulumi';
import { neededRights } from '../../apps/control-plane/src/adapters/proxmox/privileges.js';
import type { Site, SubstrateSettings } from '../../apps/control-plane/src/domain/site/site.js';

/** The container in which the control plane itself runs. Made for docs/how-to/install-on-a-server.md; absent: it runs elsewhere. */
export interface ControlPlaneGuest {
  readonly node: string;
  readonly vmId: number;
  /** Storage of the root disk. */
  readonly storage: string;
  /** Volume id of a Debian 12 template: `local:vztmpl/debian-12-…`. */
  readonly template: string;
  /** One of the site's zones: gives bridge, VLAN and gateway. */
  readonly zone: string;
  /** `10.0.0.5/24`. Keep it out of the zone's range of addresses: that range is given to guests of stacks. */
  readonly address: string;
  /** Public keys that may log in as root. */
  readonly sshKeys: readonly string[];
}

export interface PlatformOptions {
  readonly site: Site;
  /** Which of the site's substrates this cluster is. */
  readonly substrate: string;
  /** Major version of Proxmox VE: rights differ from 8 to 9. */
  readonly major: number;
  readonly user?: string;
  readonly tokenName?: string;
  readonly controlPlane?: ControlPlaneGuest;
  readonly provider?: pulumi.ProviderResource;
}

export interface Platform {
  /** `user@realm!token=uuid`, what `bastide site connect --credential` takes. Always a Pulumi secret. */
  readonly credential: pulumi.Output<string>;
}

const ROLE = 'BastideOrchestrator';

/**
 * Creates role, user, token, grants, pool and images. Rights come from the same table as the doctor's: what this program
 * grants is what the doctor asks for. The role carries all rights, each path's grant reaches only the branch below it, the
 * grant on `/` does not pass on (the same shape as `grantCommand`).
 * Throws: the site has no such substrate or zone, or the control plane's address lies in the range that stacks are given.
 */
export function platform(options: PlatformOptions): Platform {
  const settings = substrateOf(options);
  const resource: pulumi.CustomResourceOptions = options.provider ? { provider: options.provider } : {};
  const userId = options.user ?? 'bastide@pve';
  const pool = settings.pool
    ? new proxmox.PoolLegacy('pool', { poolId: settings.pool, comment: 'Guests of Bastide' }, resource)
    : undefined;

  const needs = neededRights(settings, bridgesOf(options.site), options.major);
  const privileges = [...new Set(needs.flatMap((need) => need.privileges))].sort();
  const role = new proxmox.RoleLegacy('role', { roleId: ROLE, privileges }, resource);
  const user = new proxmox.UserLegacy(
    'user',
    { userId, comment: 'Bastide control plane' },
    // The provider reads a user's grants into this resource too; they belong to the Acl resources below.
    { ...resource, ignoreChanges: ['acls'] },
  );
  const token = new proxmox.user.Token(
    'token',
    { userId: user.userId, tokenName: options.tokenName ?? 'control', privilegesSeparation: true },
    // The value is shown to Pulumi once, in the answer to its creation: it must never be readable in the state.
    { ...resource, additionalSecretOutputs: ['value'] },
  );
  const tokenId = pulumi.interpolate`${user.userId}!${token.tokenName}`;
  for (const { path } of needs) {
    // A token with privilege separation has only what its user has too: both are granted.
    const grant = { path, roleId: role.roleId, propagate: path !== '/' };
    const dependsOn = pool ? [pool] : [];
    new proxmox.Acl(`user${path}`, { ...grant, userId: user.userId }, { ...resource, dependsOn });
    new proxmox.Acl(`token${path}`, { ...grant, tokenId }, { ...resource, dependsOn: [...dependsOn, token] });
  }
  fetchImages(settings, resource);
  if (options.controlPlane) controlPlaneGuest(options.site, options.controlPlane, resource);
  // The provider gives the whole `user@realm!name=uuid`, as the environment of its own API client wants it.
  return { credential: pulumi.secret(token.value) };
}

function substrateOf({ site, substrate }: PlatformOptions): SubstrateSettings {
  const settings = site.substrates[substrate];
  if (settings === undefined) {
    const known = Object.keys(site.substrates).join(', ');
    throw new Error(`Site ${site.name} has no substrate "${substrate}"; it has: ${known}.`);
  }
  return settings;
}

const bridgesOf = (site: Site) => [...new Set(Object.values(site.zones).map((zone) => zone.bridge))];

/** Templates with a URL are fetched once per node that may run guests; without a list of nodes they are left to the control plane. */
function fetchImages(settings: SubstrateSettings, resource: pulumi.CustomResourceOptions): void {
  for (const [name, image] of Object.entries(settings.images)) {
    const source = image.container;
    const match = /^([^:]+):vztmpl\/(.+)$/.exec(source?.volume ?? '');
    if (!source?.url || match === null) continue;
    for (const node of settings.nodes) {
      new proxmox.download.FileLegacy(
        `image-${name}-${node}`,
        {
          contentType: 'vztmpl',
          datastoreId: match[1] ?? '',
          nodeName: node,
          fileName: match[2] ?? '',
          url: source.url,
          ...(source.sha256 ? { checksum: source.sha256, checksumAlgorithm: 'sha256' } : {}),
        },
        // A template others may use by now: leaving the platform must not take it away.
        { ...resource, retainOnDelete: true },
      );
    }
  }
}

function controlPlaneGuest(site: Site, guest: ControlPlaneGuest, resource: pulumi.CustomResourceOptions): void {
  const zone = site.zones[guest.zone];
  if (zone === undefined) throw new Error(`Site ${site.name} has no zone "${guest.zone}".`);
  const own = addressNumber(guest.address);
  if (own >= addressNumber(zone.addresses.from) && own <= addressNumber(zone.addresses.to)) {
    throw new Error(
      `${guest.address} lies in the range ${zone.addresses.from}–${zone.addresses.to} that zone "${guest.zone}" gives to guests of stacks: take an address outside it.`,
    );
  }
  for (const [name, { guestIds }] of Object.entries(site.substrates)) {
    if (guest.vmId >= guestIds.from && guest.vmId <= guestIds.to) {
      throw new Error(
        `Guest id ${guest.vmId} lies in the range ${guestIds.from}–${guestIds.to} that substrate "${name}" gives to guests of stacks: take an id outside it.`,
      );
    }
  }
  new proxmox.ContainerLegacy(
    'control-plane',
    {
      nodeName: guest.node,
      vmId: guest.vmId,
      description: 'Bastide control plane. Not a guest of a stack: Bastide never touches it.',
      unprivileged: true,
      // systemd of Debian 12 needs nesting in an unprivileged container.
      features: { nesting: true },
      cpu: { cores: 2 },
      memory: { dedicated: 4096, swap: 512 },
      disk: { datastoreId: guest.storage, size: 20 },
      operatingSystem: { templateFileId: guest.template, type: 'debian' },
      networkInterfaces: [{ name: 'eth0', bridge: zone.bridge, ...(zone.vlan ? { vlanId: zone.vlan } : {}) }],
      initialization: {
        hostname: 'bastide',
        ipConfigs: [{ ipv4: { address: guest.address, gateway: zone.gateway } }],
        userAccount: { keys: [...guest.sshKeys] },
        ...(site.resolvers.length > 0 ? { dns: { servers: [...site.resolvers] } } : {}),
      },
      startOnBoot: true,
      started: true,
      // Every file of the office hangs on this guest's database: `pulumi destroy` must not take it by accident.
      protection: true,
    },
    { ...resource, protect: true },
  );
}

const addressNumber = (address: string) =>
  (address.split('/')[0] ?? '').split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
