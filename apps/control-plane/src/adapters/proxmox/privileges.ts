import type { SubstrateSettings } from '../../domain/site/site.js';
import { parseVolume } from './images.js';

/** Rights that are needed on one path of the access tree. */
export interface Need {
  readonly path: string;
  readonly privileges: readonly string[];
}

/** Effective rights as GET /access/permissions gives them: path → privilege → 1 when it passes on to paths below. */
export type Effective = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

const ROLE = 'BastideOrchestrator';
const GUESTS = [
  'VM.Allocate',
  'VM.Audit',
  'VM.Backup',
  'VM.Clone',
  'VM.Config.CDROM',
  'VM.Config.CPU',
  'VM.Config.Cloudinit',
  'VM.Config.Disk',
  'VM.Config.HWType',
  'VM.Config.Memory',
  'VM.Config.Network',
  'VM.Config.Options',
  'VM.Console',
  'VM.Migrate',
  'VM.PowerMgmt',
  'VM.Snapshot',
  'VM.Snapshot.Rollback',
]; // prettier-ignore

/** What the control plane needs, by path: the least with which every method of the port works. `major`: of Proxmox VE. */
export function neededRights(settings: SubstrateSettings, bridges: readonly string[], major: number): Need[] {
  // Proxmox VE 9 split VM.Monitor into rights of the guest agent.
  const guests = [...GUESTS, major >= 9 ? 'VM.GuestAgent.FileRead' : 'VM.Monitor'];
  const images = Object.values(settings.images).flatMap((image) => [image.container, image.vm]);
  const imageStorages = images.flatMap((source) => {
    const storage = source && parseVolume(source.volume)?.storage;
    return storage ? [{ storage, fetched: source.url !== undefined }] : [];
  });
  const storages = new Map<string, Set<string>>();
  const add = (storage: string, ...rights: string[]) => {
    const set = storages.get(storage) ?? new Set();
    for (const right of rights) set.add(right);
    storages.set(storage, set);
  };
  for (const storage of Object.values(settings.storageClasses))
    add(storage, 'Datastore.AllocateSpace', 'Datastore.Audit');
  for (const { storage, fetched } of imageStorages) {
    add(storage, 'Datastore.AllocateSpace', 'Datastore.Audit', ...(fetched ? ['Datastore.AllocateTemplate'] : []));
  }
  const fetches = imageStorages.some((s) => s.fetched);
  return [
    { path: '/', privileges: ['Sys.Audit'] },
    { path: '/nodes', privileges: ['Sys.Audit', ...(fetches ? ['Sys.AccessNetwork'] : [])] },
    { path: '/vms', privileges: guests.sort() },
    ...(settings.pool ? [{ path: `/pool/${settings.pool}`, privileges: ['Pool.Audit', 'VM.Allocate'] }] : []),
    ...[...storages].map(([storage, rights]) => ({ path: `/storage/${storage}`, privileges: [...rights].sort() })),
    ...bridges.map((bridge) => ({ path: `/sdn/zones/localnetwork/${bridge}`, privileges: ['SDN.Use'] })),
  ];
}

/** Which of the needed rights are missing. Rights of a path count below it when they pass on and nothing nearer is listed. */
export function missingRights(needs: readonly Need[], effective: Effective): Need[] {
  return needs.flatMap((need) => {
    const missing = need.privileges.filter((privilege) => !holds(effective, need.path, privilege));
    return missing.length > 0 ? [{ path: need.path, privileges: missing }] : [];
  });
}

function holds(effective: Effective, path: string, privilege: string): boolean {
  for (let at = path; ; at = at.slice(0, Math.max(1, at.lastIndexOf('/')))) {
    const rights = effective[at];
    if (rights !== undefined) {
      const value = rights[privilege];
      if (value === undefined) return false;
      // What is needed on a branch is needed below it too.
      return Number(value) === 1 || (at === path && path !== '/vms' && path !== '/nodes');
    }
    if (at === '/') return false;
  }
}

/**
 * The one command that grants everything needed, for a root shell on any node. User and token both get it: a token with
 * privilege separation has only what both have.
 */
export function grantCommand(needs: readonly Need[], tokenId: string): string {
  const user = tokenId.slice(0, tokenId.indexOf('!'));
  const all = [...new Set(needs.flatMap((need) => need.privileges))].sort().join(',');
  const acl = (path: string, more: string) =>
    `pveum acl modify ${path} --roles ${ROLE} --users '${user}' --tokens '${tokenId}'${more}`;
  const below = needs.map((need) => need.path).filter((path) => path !== '/');
  return [
    `pveum role add ${ROLE} --privs '${all}' || pveum role modify ${ROLE} --privs '${all}'`,
    // On the root itself only: the role must not reach what is not listed.
    acl('/', ' --propagate 0'),
    `for p in ${below.join(' ')}; do ${acl('"$p"', '')}; done`,
  ].join('; ');
}
