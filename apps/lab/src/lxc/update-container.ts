/** PUT of a container's configuration: pending first, then what a running container takes at once. */
import { disksOf, freeUnusedKey, ownsVolume, parseOption, UNUSED } from '../guests/disks.js';
import { checkLock, checkModified, checkProtection, loadGuest } from '../guests/guests.js';
import { settleConfig } from '../guests/settle-config.js';
import { ApiError, fail, parameterError } from '../http/api-error.js';
import type { Call } from '../http/call.js';
import type { Lab } from '../lab.js';
import { splitList } from '../schema/formats.js';
import type { ConfigValue, Guest, GuestConfig, Volume } from '../state/model.js';
import { contentOf, storageConfig } from '../storage/storages.js';
import { removeVolume } from '../storage/volumes.js';
import { settleOption } from './container-config.js';
import { createMount, printMount } from './container-disks.js';
import { demandContainerOptions, isContainerOption, isMountKey, NEW_MOUNT } from './container-privileges.js';

const NOT_CONFIG = new Set(['vmid', 'node', 'digest', 'delete', 'revert']);
const FAST = new Set([
  'description',
  'onboot',
  'startup',
  'protection',
  'hostname',
  'hookscript',
  'cores',
  'tags',
  'lock',
]);

function givenOptions(call: Call): GuestConfig {
  const set: GuestConfig = {};
  for (const [key, value] of Object.entries(call.parameters))
    if (!NOT_CONFIG.has(key) && !Array.isArray(value)) set[key] = value;
  return set;
}

interface Change {
  readonly set: GuestConfig;
  readonly remove: readonly string[];
  readonly revert: readonly string[];
}

function checkLists({ set, remove, revert }: Change): void {
  for (const key of revert) {
    if (!isContainerOption(key)) throw parameterError({ revert: `unknown option '${key}'` });
    if (set[key] !== undefined)
      throw parameterError({ revert: `you can't use '-${key}' and '-revert ${key}' at the same time` });
  }
  for (const key of remove) {
    if (!isContainerOption(key)) throw parameterError({ delete: `unknown option '${key}'` });
    if (set[key] !== undefined)
      throw parameterError({ delete: `you can't use '-${key}' and -delete ${key}' at the same time` });
    if (revert.includes(key))
      throw parameterError({ delete: `you can't use '-delete ${key}' and '-revert ${key}' at the same time` });
  }
}

/** Throws what is refused before anything changes. */
export function readContainerChange(call: Call): { guest: Guest; change: Change } {
  const set = givenOptions(call);
  const change = {
    set,
    remove: splitList(call.text('delete') ?? ''),
    revert: splitList(call.text('revert') ?? ''),
  };
  if (Object.keys(set).length === 0 && call.text('delete') === undefined && call.text('revert') === undefined)
    throw fail('no options specified');
  const guest = loadGuest(call.lab, 'lxc', call.node, call.vmid);
  checkLock(guest);
  checkModified(guest, call.text('digest'));
  const check = { call, vmid: guest.vmid, old: guest.config, unprivileged: guest.config.unprivileged === 1 };
  demandContainerOptions(check, {}, change.remove);
  demandContainerOptions(check, {}, change.revert);
  checkLists(change);
  demandContainerOptions(check, set);
  return { guest, change };
}

class Update {
  readonly modified = new Set<string>();
  readonly made: Volume[] = [];
  readonly errors: Record<string, string> = {};

  constructor(
    private readonly lab: Lab,
    private readonly guest: Guest,
    private readonly signal: AbortSignal,
    /** Options of this request; without them everything that waits. */
    private readonly all = false,
  ) {}

  private touches(key: string): boolean {
    return this.all || this.modified.has(key);
  }

  revert(key: string): void {
    delete this.guest.pending[key];
    this.keep(key);
  }

  private keep(key: string): void {
    this.guest.pendingDelete = this.guest.pendingDelete.filter((one) => one !== key);
  }

  remove(key: string): void {
    const { guest } = this;
    if (guest.config[key] === undefined && guest.pending[key] === undefined) return;
    this.modified.add(key);
    if (key === 'memory' || key === 'rootfs' || key === 'ostype')
      throw fail(`unable to delete required option '${key}'`);
    if (/^(?:unused|mp)\d+$/.test(key)) checkProtection(guest, `can't remove CT ${guest.vmid} drive '${key}'`);
    if (key === 'unprivileged') throw fail(`unable to delete read-only option: '${key}'`);
    guest.pendingDelete = [...new Set([...guest.pendingDelete, key])];
  }

  set(key: string, value: ConfigValue): void {
    const { guest, lab } = this;
    this.modified.add(key);
    if (isMountKey(key)) {
      checkProtection(guest, `can't update CT ${guest.vmid} drive '${key}'`);
      this.checkMount(key, value);
    } else if (key === 'hookscript') this.checkHookscript(String(value));
    else if (key === 'unprivileged') throw fail(`unable to modify read-only option: '${key}'`);
    // The address of an interface is made when the change is applied.
    guest.pending[key] = /^net\d+$/.test(key) ? value : settleOption(lab.name, guest.vmid, key, value);
    this.keep(key);
  }

  private checkMount(key: string, value: ConfigValue): void {
    const volume = parseOption('lxc', key, value).volume ?? '';
    if (volume.startsWith('/')) return;
    const id = volume.split(':')[0] ?? '';
    if (!contentOf(storageConfig(this.lab, id)).includes('rootdir'))
      throw fail(`storage '${id}' does not allow content type 'rootdir' (Container)`);
  }

  private checkHookscript(id: string): void {
    if (this.lab.state.volume(this.guest.node, id)?.content === 'snippets') return;
    throw fail(
      /^[^:]+:snippets\//.test(id) ? `script '${id}' does not exist` : `'${id}' is not in the snippets directory`,
    );
  }

  async apply(): Promise<void> {
    const { guest } = this;
    for (const [key, value] of Object.entries(guest.pending))
      if (guest.config[key] !== undefined && String(guest.config[key]) === String(value)) delete guest.pending[key];
    for (const key of guest.pendingDelete) if (guest.config[key] === undefined) this.keep(key);
    const running = guest.running !== undefined;
    if (running)
      for (const key of Object.keys(guest.pending).sort()) if (FAST.has(key) && this.touches(key)) this.commit(key);
    for (const key of [...guest.pendingDelete].sort())
      if (this.touches(key) && (!running || this.unplugs(key))) await this.attempt(key, () => this.drop(key));
    for (const key of Object.keys(guest.pending).sort())
      if (this.touches(key)) await this.attempt(key, () => this.put(key, running));
    if (Object.keys(this.errors).length > 0) throw parameterError(this.errors);
    settleConfig(guest);
  }

  private async attempt(key: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.signal.throwIfAborted();
      const text = error instanceof Error ? error.message : String(error);
      const intro = this.guest.running ? `unable to hotplug ${key}: ` : `unable to apply pending change ${key} : `;
      this.errors[key] = `${intro}${text}\n`;
    }
  }

  private unplugs(key: string): boolean {
    return FAST.has(key) || /^(?:unused|net)\d+$/.test(key) || /^(?:swap|cpulimit|cpuunits)$/.test(key);
  }

  private commit(key: string): void {
    const value = this.guest.pending[key];
    if (value === undefined) return;
    this.guest.config[key] = value;
    delete this.guest.pending[key];
  }

  private isUsed(id: string, but: string): boolean {
    const { guest } = this;
    return [guest.config, guest.pending, ...Object.values(guest.snapshots).map((one) => one.config)].some((config) =>
      disksOf('lxc', config).some((disk) => disk.key !== but && disk.file === id),
    );
  }

  private async drop(key: string): Promise<void> {
    const { guest, lab } = this;
    const value = guest.config[key];
    if (value !== undefined && UNUSED.test(key)) {
      const volume = lab.state.volume(guest.node, String(value).replace(/^volume=/, ''));
      if (volume && volume.vmid === guest.vmid && !this.isUsed(`${volume.storage}:${volume.name}`, key))
        await removeVolume(lab, volume);
    } else if (value !== undefined && /^mp\d+$/.test(key)) this.detach(key, value);
    delete guest.config[key];
    this.keep(key);
  }

  private detach(key: string, value: ConfigValue): void {
    const { guest, lab } = this;
    const id = parseOption('lxc', key, value).volume ?? '';
    if (!ownsVolume(lab, guest, id)) return;
    if (disksOf('lxc', guest.config).some((disk) => disk.key !== key && disk.file === id)) return;
    guest.config[freeUnusedKey(guest.config)] = id;
  }

  private async put(key: string, running: boolean): Promise<void> {
    const { guest, lab } = this;
    const value = guest.pending[key];
    if (value === undefined) return;
    if (/^net\d+$/.test(key)) guest.pending[key] = settleOption(lab.name, guest.vmid, key, value);
    else if (/^mp\d+$/.test(key)) {
      // A running container's mount point is not changed under it.
      if (running && guest.config[key] !== undefined) return;
      const file = parseOption('lxc', key, value).volume ?? '';
      const disks = { lab, node: guest.node, vmid: guest.vmid, signal: this.signal, log: () => undefined };
      guest.pending[key] =
        NEW_MOUNT.test(file) || !file.startsWith('/')
          ? await createMount(disks, key, value, this.made)
          : printMount(key, parseOption('lxc', key, value));
      const old = guest.config[key];
      if (
        old !== undefined &&
        parseOption('lxc', key, old).volume !== parseOption('lxc', key, guest.pending[key] ?? '').volume
      )
        this.detach(key, old);
    } else if (running && !/^(?:memory|swap|cpulimit|cpuunits)$/.test(key)) return;
    this.commit(key);
  }
}

/** Applies a checked change. Volumes made for it go away again when it fails. */
export async function applyContainerChange(
  call: Call,
  guest: Guest,
  change: Change,
  signal: AbortSignal,
): Promise<void> {
  const before = structuredClone({
    config: guest.config,
    pending: guest.pending,
    pendingDelete: guest.pendingDelete,
  });
  const update = new Update(call.lab, guest, signal);
  try {
    for (const key of change.revert) update.revert(key);
    for (const key of change.remove) update.remove(key);
    for (const key of Object.keys(change.set).sort()) update.set(key, change.set[key] ?? '');
    await update.apply();
  } catch (error) {
    Object.assign(guest, before);
    for (const volume of update.made) await removeVolume(call.lab, volume).catch(() => undefined);
    throw error;
  }
  call.lab.state.saveGuest(guest);
}

/** What waited for the start; a change that fails is dropped, and the container starts with what it has. */
export async function applyContainerPending(lab: Lab, guest: Guest, signal: AbortSignal): Promise<void> {
  if (Object.keys(guest.pending).length === 0 && guest.pendingDelete.length === 0) return;
  const update = new Update(lab, guest, signal, true);
  await update.apply().catch((error: unknown) => {
    signal.throwIfAborted();
    if (!(error instanceof ApiError)) throw error;
  });
  settleConfig(guest);
}
