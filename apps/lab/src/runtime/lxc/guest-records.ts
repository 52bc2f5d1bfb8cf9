/** What the runtime remembers of each guest on disk, so that a lab killed at any moment finds its guests again. */
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { GuestDefinition } from '../guest-runtime.port.js';
import { RuntimeError } from '../guest-runtime.port.js';
import type { ProcessMark } from './guest-process.js';
import { GUEST_SLOTS, type LabPaths } from './lab-names.js';

export interface GuestRecord {
  readonly vmid: number;
  /** Which of the lab's id ranges the guest has. */
  readonly slot: number;
  readonly definition: GuestDefinition;
  /** Both present from start to stop: LXC's monitor on the host, and the guest's own init. */
  readonly monitor?: ProcessMark;
  readonly init?: ProcessMark;
}

export class GuestRecords {
  private readonly records = new Map<number, GuestRecord>();

  constructor(private readonly paths: LabPaths) {}

  /** Reads all records of a folder. */
  async load(): Promise<void> {
    this.records.clear();
    for (const name of await readdir(this.paths.guests).catch(() => [])) {
      const text = await readFile(join(this.paths.guests, name, 'guest.json'), 'utf8').catch(() => undefined);
      if (text === undefined) continue;
      const record = JSON.parse(text) as GuestRecord;
      this.records.set(record.vmid, record);
    }
  }

  all(): GuestRecord[] {
    return [...this.records.values()];
  }

  get(vmid: number): GuestRecord | undefined {
    return this.records.get(vmid);
  }

  folder(vmid: number): string {
    return join(this.paths.guests, String(vmid));
  }

  /** The guest's range of ids: the one it has, or the first that no other guest has. */
  slotFor(vmid: number): number {
    const own = this.records.get(vmid);
    if (own) return own.slot;
    const taken = new Set(this.all().map((record) => record.slot));
    for (let slot = 0; slot < GUEST_SLOTS; slot++) if (!taken.has(slot)) return slot;
    throw new RuntimeError(`the lab runs ${GUEST_SLOTS} guests at most`);
  }

  async write(record: GuestRecord): Promise<void> {
    this.records.set(record.vmid, record);
    const file = join(this.folder(record.vmid), 'guest.json');
    await mkdir(this.folder(record.vmid), { recursive: true, mode: 0o700 });
    await writeFile(`${file}.new`, JSON.stringify(record), { mode: 0o600 });
    await rename(`${file}.new`, file);
  }

  /** Keeps nothing of a guest that does not run; its range of ids becomes free. */
  async forget(vmid: number): Promise<void> {
    this.records.delete(vmid);
    await rm(this.folder(vmid), { recursive: true, force: true });
  }
}
