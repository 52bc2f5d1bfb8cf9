/** Privileges and built-in roles of Proxmox VE 9 (pve-access-control 9.1). */
type Level = 'root' | 'admin' | 'user' | 'audit';

const GROUPS: Readonly<Record<string, Readonly<Partial<Record<Level, readonly string[]>>>>> = {
  VM: {
    admin: [
      'VM.Config.Disk',
      'VM.Config.CPU',
      'VM.Config.Memory',
      'VM.Config.Network',
      'VM.Config.HWType',
      'VM.Config.Options',
      'VM.Allocate',
      'VM.Clone',
      'VM.GuestAgent.Unrestricted',
      'VM.Migrate',
      'VM.Replicate',
      'VM.Snapshot',
      'VM.Snapshot.Rollback',
    ],
    user: [
      'VM.Config.CDROM',
      'VM.Config.Cloudinit',
      'VM.Console',
      'VM.Backup',
      'VM.GuestAgent.FileRead',
      'VM.GuestAgent.FileSystemMgmt',
      'VM.GuestAgent.FileWrite',
      'VM.PowerMgmt',
    ],
    audit: ['VM.Audit', 'VM.GuestAgent.Audit'],
  },
  Sys: {
    root: ['Sys.PowerMgmt', 'Sys.Modify', 'Sys.Incoming', 'Sys.AccessNetwork'],
    admin: ['Sys.Console', 'Sys.Syslog'],
    audit: ['Sys.Audit'],
  },
  Datastore: {
    admin: ['Datastore.Allocate', 'Datastore.AllocateTemplate'],
    user: ['Datastore.AllocateSpace'],
    audit: ['Datastore.Audit'],
  },
  SDN: { admin: ['SDN.Allocate', 'SDN.Audit'], user: ['SDN.Use'], audit: ['SDN.Audit'] },
  User: { root: ['Realm.Allocate'], admin: ['User.Modify', 'Group.Allocate', 'Realm.AllocateUser'] },
  Pool: { admin: ['Pool.Allocate'], user: ['Pool.Audit'], audit: ['Pool.Audit'] },
  Mapping: { admin: ['Mapping.Modify'], user: ['Mapping.Use'], audit: ['Mapping.Audit'] },
};

const all = new Set<string>(['Permissions.Modify']);
const special = new Map<string, Set<string>>();
const grant = (role: string, privileges: readonly string[]) => {
  const set = special.get(role) ?? new Set<string>();
  for (const privilege of privileges) set.add(privilege);
  special.set(role, set);
};
for (const [group, { root = [], admin = [], user = [], audit = [] }] of Object.entries(GROUPS)) {
  for (const privilege of [...root, ...admin, ...user, ...audit]) all.add(privilege);
  grant(`PVE${group}Admin`, [...admin, ...user, ...audit]);
  grant('PVEAdmin', [...admin, ...user, ...audit]);
  if (user.length > 0) grant(`PVE${group}User`, [...user, ...audit]);
  if (audit.length > 0) grant('PVEAuditor', audit);
}
// Mappings reach through to hardware; only Administrator and PVEMappingAdmin may change them.
special.get('PVEAdmin')?.delete('Mapping.Modify');
grant('PVETemplateUser', ['VM.Clone', 'VM.Audit']);
special.set('NoAccess', new Set());
special.set('Administrator', all);

export const ALL_PRIVILEGES: ReadonlySet<string> = all;
export const BUILT_IN_ROLES: ReadonlyMap<string, ReadonlySet<string>> = special;
