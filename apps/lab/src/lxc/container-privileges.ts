/** Which privilege an option of a container takes, and which options only root@pam by ticket may set. */
import { parseOption } from '../guests/disks.js';
import { demandOnGuest } from '../guests/guests.js';
import { networkPaths } from '../guests/network-options.js';
import { checkVolumeAccess } from '../guests/volume-access.js';
import { forbidden } from '../http/api-error.js';
import type { Call } from '../http/call.js';
import { zoneOf } from '../qemu/machine-privileges.js';
import { methodOf } from '../schema/schema.js';
import { definitionOf } from '../schema/validate.js';
import type { ConfigValue, GuestConfig } from '../state/model.js';

/** Parameters of a create that are no options of the container. */
export const NOT_OPTIONS = new Set([
  'vmid',
  'node',
  'ostemplate',
  'pool',
  'start',
  'storage',
  'password',
  'ssh-public-keys',
  'restore',
  'force',
  'unique',
  'bwlimit',
  'ignore-unpack-errors',
  'ha-managed',
]);

/** Whether Proxmox knows an option of that name. */
export const isContainerOption = (key: string) =>
  /^(?:parent|snaptime)$/.test(key) ||
  (!NOT_OPTIONS.has(key) && definitionOf(methodOf('POST', '/nodes/{node}/lxc').parameters, key) !== undefined);

export const isMountKey = (key: string) => key === 'rootfs' || /^mp\d+$/.test(key);
/** `storage:4`, size in GiB. */
export const NEW_MOUNT = /^([^:\s]+):(\d+(?:\.\d+)?)$/;

const PRIVILEGES: Readonly<Record<string, string>> = {
  cores: 'VM.Config.CPU',
  cpuunits: 'VM.Config.CPU',
  cpulimit: 'VM.Config.CPU',
  memory: 'VM.Config.Memory',
  swap: 'VM.Config.Memory',
  nameserver: 'VM.Config.Network',
  searchdomain: 'VM.Config.Network',
  hostname: 'VM.Config.Network',
};

export interface OptionCheck {
  readonly call: Call;
  readonly vmid: number;
  readonly pool?: string;
  /** The container as it is; undefined for a new one. */
  readonly old?: Readonly<GuestConfig>;
  readonly unprivileged: boolean;
}

export function demandBridge(call: Call, key: string, value: ConfigValue): void {
  if (call.caller.isRoot) return;
  for (const path of networkPaths('lxc', key, String(value), (bridge) => zoneOf(call, bridge)))
    call.demand(path, ['SDN.Use']);
}

/** Nesting is harmless in an unprivileged container; every other feature reaches into the host. */
function demandFeatures({ call, vmid, pool, old, unprivileged }: OptionCheck, value: ConfigValue | undefined): void {
  if (!unprivileged) throw forbidden('changing feature flags for privileged container is only allowed for root@pam');
  const before = old?.features === undefined ? {} : parseOption('lxc', 'features', old.features);
  const after = value === undefined ? {} : parseOption('lxc', 'features', value);
  const changed = new Set(
    [...Object.keys(before), ...Object.keys(after)].filter((name) => before[name] !== after[name]),
  );
  const nesting = changed.delete('nesting');
  if (changed.size > 0) throw forbidden('changing feature flags (except nesting) is only allowed for root@pam');
  if (nesting) demandOnGuest(call, vmid, ['VM.Allocate'], pool);
}

function demandMount({ call, vmid, pool }: OptionCheck, key: string, value: ConfigValue | undefined): void {
  demandOnGuest(call, vmid, ['VM.Config.Disk'], pool);
  if (value === undefined) return;
  const volume = parseOption('lxc', key, value).volume ?? '';
  if (volume.startsWith('/'))
    throw forbidden(`mount point type ${volume.startsWith('/dev/') ? 'device' : 'bind'} is only allowed for root@pam`);
  const storage = NEW_MOUNT.exec(volume)?.[1];
  if (storage !== undefined) call.demand(`/storage/${storage}`, ['Datastore.AllocateSpace']);
  else if (volume.includes(':')) checkVolumeAccess(call, vmid, volume, 'rootdir');
}

/** `value` undefined: the option is to go. */
function demandOption(check: OptionCheck, key: string, value: ConfigValue | undefined): void {
  const { call, vmid, pool, old } = check;
  const privilege = PRIVILEGES[key];
  if (privilege !== undefined) demandOnGuest(call, vmid, [privilege], pool);
  else if (isMountKey(key)) demandMount(check, key, value);
  else if (/^net\d+$/.test(key)) {
    demandOnGuest(call, vmid, ['VM.Config.Network'], pool);
    for (const one of [old?.[key], value]) if (one !== undefined) demandBridge(call, key, one);
  } else if (/^dev\d+$/.test(key)) throw forbidden('configuring device passthrough is only allowed for root@pam');
  else if (key === 'features') demandFeatures(check, value);
  else if (key === 'hookscript') throw forbidden('changing the hookscript is only allowed for root@pam');
  else demandOnGuest(call, vmid, ['VM.Config.Options'], pool);
}

/** Throws 403. */
export function demandContainerOptions(
  check: OptionCheck,
  set: Readonly<GuestConfig>,
  remove: readonly string[] = [],
): void {
  if (check.call.caller.isRoot) return;
  for (const [key, value] of Object.entries(set)) demandOption(check, key, value);
  for (const key of remove) demandOption(check, key, undefined);
}
