/** PUT and POST of a machine's configuration: checked, written as pending, then plugged in as far as the machine allows. */
import { UNUSED } from '../guests/disks.js';
import { checkProtection } from '../guests/guests.js';
import { settleConfig } from '../guests/settle-config.js';
import { normalizeTags } from '../guests/tags.js';
import { fail, parameterError } from '../http/api-error.js';
import type { Call } from '../http/call.js';
import type { ConfigValue, Guest, Volume } from '../state/model.js';
import { removeVolume } from '../storage/volumes.js';
import { bootOrder, printBootOrder } from './boot-order.js';
import { demandDrive, isCdrom, isDriveKey, parseDrive } from './drives.js';
import { isFastPlug, plugsNow, recordCloudInit, unplugsNow } from './hotplug.js';
import type { MachineChange } from './machine-change.js';
import { createMachineDisks, registerUnused } from './machine-disks.js';
import { applyMachinePending, destroyUnused, detachDrive } from './machine-pending.js';

/** Freeing a volume takes the same privilege as making one. */
const demandSpace = (call: Call) => (storage: string) =>
  call.demand(`/storage/${storage}`, ['Datastore.AllocateSpace']);

/** One change on its way: which keys it touched, and the boot order as it grows and shrinks with the drives. */
class Update {
  readonly modified = new Set<string>();
  readonly made: Volume[] = [];
  private order: string[];

  constructor(
    private readonly call: Call,
    private readonly guest: Guest,
    private readonly change: MachineChange,
    private readonly signal: AbortSignal,
    private readonly log: (line: string) => void,
  ) {
    this.order = bootOrder(guest.config);
  }

  private pendBoot(order: string[]): void {
    this.order = order;
    this.guest.pending.boot = printBootOrder(order);
    this.modified.add('boot');
  }

  private pendDelete(key: string): void {
    const { guest } = this;
    guest.pendingDelete = [...new Set([...guest.pendingDelete, key])];
    if (this.change.force) guest.pendingForce = [...new Set([...(guest.pendingForce ?? []), key])];
  }

  private forgetDelete(key: string): void {
    const { guest } = this;
    guest.pendingDelete = guest.pendingDelete.filter((one) => one !== key);
    if (guest.pendingForce) guest.pendingForce = guest.pendingForce.filter((one) => one !== key);
  }

  async remove(key: string): Promise<void> {
    const { guest, call } = this;
    const value = guest.config[key] ?? guest.pending[key];
    if (value === undefined) {
      this.log(`cannot delete '${key}' - not set in current configuration!`);
      return;
    }
    this.modified.add(key);
    const wasPending = guest.pending[key] !== undefined;
    delete guest.pending[key];
    if (this.order.includes(key)) this.pendBoot(this.order.filter((one) => one !== key));
    if (UNUSED.test(key)) {
      checkProtection(guest, `can't remove unused disk '${value}'`);
      await destroyUnused(call.lab, guest, key, demandSpace(call));
    } else if (key === 'vmstate') {
      checkProtection(guest, `can't remove vmstate '${value}'`);
      const volume = call.lab.state.volume(guest.node, String(value));
      if (volume) await removeVolume(call.lab, volume);
      for (const name of ['vmstate', 'runningmachine', 'runningcpu', 'lock']) delete guest.config[name];
    } else if (isDriveKey(key)) {
      checkProtection(guest, `can't remove drive '${key}'`);
      demandDrive(call, guest.vmid, key, value);
      if (wasPending && guest.config[key] !== value) await registerUnused(call.lab, guest, key, value);
      this.pendDelete(key);
    } else if (key === 'tags') delete guest.config[key];
    else this.pendDelete(key);
  }

  async set(key: string, value: ConfigValue): Promise<void> {
    const { guest, call } = this;
    this.modified.add(key);
    if (guest.pending[key] !== undefined && guest.pending[key] === value) return;
    if (isDriveKey(key)) await this.setDrive(key, value);
    else if (key === 'cipassword') guest.config.cipassword = value;
    else if (key === 'tags') guest.pending[key] = normalizeTags(String(value));
    else if (key === 'description') guest.pending[key] = String(value).trimEnd();
    else if (key === 'boot') this.setBoot(String(value));
    else {
      if (/^serial\d+$/.test(key) && !call.caller.isRoot && guest.config[key] !== undefined)
        if (guest.config[key] !== 'socket') throw fail(`only root can modify '${key}' config for real devices`);
      guest.pending[key] = value;
    }
    this.forgetDelete(key);
  }

  private setBoot(value: string): void {
    const { guest, change } = this;
    const order = bootOrder({ boot: value });
    if (order.length === 0) {
      guest.pending.boot = value;
      return;
    }
    for (const device of order) {
      const exists = [guest.config, guest.pending, change.set].some((config) => config[device] !== undefined);
      if (!exists || change.remove.includes(device))
        throw fail(`invalid bootorder: device '${device}' does not exist'`);
    }
    guest.pending.boot = printBootOrder(order);
    if (guest.config.bootdisk !== undefined) this.pendDelete('bootdisk');
  }

  private async setDrive(key: string, value: ConfigValue): Promise<void> {
    const { guest, call } = this;
    const old = guest.config[key];
    if (old !== undefined) demandDrive(call, guest.vmid, key, old);
    if (key === 'tpmstate0' && old !== undefined) {
      const [before, after] = [parseDrive(key, old), parseDrive(key, value)];
      if (before?.file === after?.file && (before?.version ?? 'v1.2') !== (after?.version ?? 'v1.2'))
        throw fail('cannot change TPM state version after creation');
    }
    demandDrive(call, guest.vmid, key, value);
    const waiting = guest.pending[key];
    if (waiting !== undefined) await registerUnused(call.lab, guest, key, waiting);
    const done = await createMachineDisks(
      {
        call,
        node: guest.node,
        vmid: guest.vmid,
        signal: this.signal,
        log: this.log,
        present: [guest.config, guest.pending],
      },
      { [key]: value },
      this.made,
    );
    guest.pending[key] = done[key] ?? value;
    const drive = parseDrive(key, value);
    if (this.order.length > 0 && drive && isCdrom(drive, true) && !this.order.includes(key))
      this.pendBoot([...this.order, key]);
  }

  /** Pending values that are those in force already are no change. */
  private dropNothings(): void {
    const { guest } = this;
    for (const key of Object.keys(guest.pending))
      if (guest.config[key] !== undefined && String(guest.config[key]) === String(guest.pending[key]))
        delete guest.pending[key];
    for (const key of [...guest.pendingDelete]) if (guest.config[key] === undefined) this.forgetDelete(key);
  }

  /** Answers what could not be plugged in, by option. */
  async apply(): Promise<Readonly<Record<string, string>>> {
    this.dropNothings();
    const { guest, call } = this;
    const errors: Record<string, string> = {};
    if (!guest.running) await applyMachinePending(call.lab, guest, demandSpace(call));
    else {
      for (const key of Object.keys(guest.pending)) if (isFastPlug(key)) this.commit(key);
      for (const key of guest.pendingDelete.filter((one) => this.modified.has(one)).sort())
        if (unplugsNow(guest, key)) await this.unplug(key);
      for (const key of Object.keys(guest.pending).filter((one) => this.modified.has(one)))
        await this.plug(key).catch((error: unknown) => {
          errors[key] = `hotplug problem - ${error instanceof Error ? error.message : String(error)}`;
        });
    }
    settleConfig(guest);
    return errors;
  }

  private commit(key: string): void {
    const { guest } = this;
    const value = guest.pending[key];
    if (value === undefined) return;
    recordCloudInit(guest, key, guest.config[key], value);
    guest.config[key] = value;
    delete guest.pending[key];
  }

  private async unplug(key: string): Promise<void> {
    const { guest, call } = this;
    const old = guest.config[key];
    if (isDriveKey(key)) await detachDrive(call.lab, guest, key, demandSpace(call));
    delete guest.config[key];
    recordCloudInit(guest, key, old);
    this.forgetDelete(key);
  }

  private async plug(key: string): Promise<void> {
    const { guest, call } = this;
    const value = guest.pending[key];
    if (value === undefined || !plugsNow(guest, key, value)) return;
    const old = guest.config[key];
    if (isDriveKey(key) && old !== undefined && parseDrive(key, old)?.file !== parseDrive(key, value)?.file)
      await registerUnused(call.lab, guest, key, old);
    this.commit(key);
  }
}

/** Applies a checked change. Volumes made for it go away again when it fails. */
export async function applyMachineChange(
  call: Call,
  guest: Guest,
  change: MachineChange,
  signal: AbortSignal,
  log: (line: string) => void = () => undefined,
): Promise<void> {
  const before = structuredClone({
    config: guest.config,
    pending: guest.pending,
    pendingDelete: guest.pendingDelete,
  });
  const update = new Update(call, guest, change, signal, log);
  log(`update VM ${guest.vmid}: ${change.text}`);
  let problems: Readonly<Record<string, string>> = {};
  try {
    const set = { ...change.set };
    const remove = [...change.remove];
    for (const key of change.revert) {
      if (guest.config[key] !== undefined) set[key] = guest.config[key];
      else if (guest.pending[key] !== undefined) remove.push(key);
      guest.pendingDelete = guest.pendingDelete.filter((one) => one !== key);
      if (set[key] !== undefined && change.set[key] === undefined) {
        if (isDriveKey(key) && guest.pending[key] !== undefined && guest.pending[key] !== set[key])
          await registerUnused(call.lab, guest, key, guest.pending[key]);
        delete guest.pending[key];
        delete set[key];
      }
    }
    for (const key of remove) await update.remove(key);
    for (const [key, value] of Object.entries(set)) await update.set(key, value);
    problems = await update.apply();
  } catch (error) {
    Object.assign(guest, before);
    for (const volume of update.made) await removeVolume(call.lab, volume).catch(() => undefined);
    call.lab.state.saveGuest(guest);
    throw error;
  }
  call.lab.state.saveGuest(guest);
  // What could not be plugged in stays pending.
  if (Object.keys(problems).length > 0) throw parameterError(problems);
}
