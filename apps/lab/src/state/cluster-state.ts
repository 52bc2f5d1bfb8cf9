/** The cluster's memory: typed maps over the journal. Whoever changes an object saves it here before answering. */
import { randomUUID } from 'node:crypto';
import type { Journal } from './journal.js';
import { type Guest, type GuestFigures, type GuestType, type StorageRecord, type Volume, volumeId } from './model.js';

export class ClusterState {
  readonly guests = new Map<number, Guest>();
  readonly storages = new Map<string, StorageRecord>();
  private readonly volumes = new Map<string, Volume>();
  private readonly byGuest = new Map<number, Set<string>>();
  private readonly byStorage = new Map<string, Set<string>>();
  /** Bytes taken, of each volume as it was indexed, and together by storage and node: asked for with every new volume. */
  private readonly taken = new Map<string, number>();
  private readonly takenOn = new Map<string, number>();
  /** What /cluster/resources shows of a guest; behind by some seconds, see cluster/figures.ts. Not kept. */
  readonly figures = new Map<number, GuestFigures>();

  constructor(readonly journal: Journal) {
    for (const [id, guest] of journal.entries<Guest>('guest')) this.guests.set(Number(id), guest);
    for (const [id, storage] of journal.entries<StorageRecord>('storage')) this.storages.set(id, storage);
    for (const [, volume] of journal.entries<Volume>('volume')) this.index(volume);
  }

  saveGuest(guest: Guest): void {
    this.guests.set(guest.vmid, guest);
    this.journal.put('guest', String(guest.vmid), guest);
  }

  deleteGuest(vmid: number): void {
    this.guests.delete(vmid);
    this.figures.delete(vmid);
    this.journal.delete('guest', String(vmid));
  }

  newGuest(vmid: number, type: GuestType, node: string): Guest {
    return { vmid, type, node, config: {}, pending: {}, pendingDelete: [], snapshots: {}, instance: randomUUID() };
  }

  private index(volume: Volume): void {
    const key = volumeKey(volume);
    this.volumes.set(key, volume);
    const add = <K>(map: Map<K, Set<string>>, at: K) => {
      const set = map.get(at) ?? new Set();
      set.add(key);
      map.set(at, set);
    };
    if (volume.vmid !== undefined) add(this.byGuest, volume.vmid);
    add(this.byStorage, volume.storage);
    this.count(key, volume, volume.used);
  }

  private count(key: string, { storage, node }: Volume, used: number): void {
    const place = `${storage}/${node}`;
    this.takenOn.set(place, (this.takenOn.get(place) ?? 0) + used - (this.taken.get(key) ?? 0));
    this.taken.set(key, used);
  }

  private unindex(key: string): void {
    const volume = this.volumes.get(key);
    if (!volume) return;
    this.volumes.delete(key);
    if (volume.vmid !== undefined) this.byGuest.get(volume.vmid)?.delete(key);
    this.byStorage.get(volume.storage)?.delete(key);
    this.count(key, volume, 0);
    this.taken.delete(key);
  }

  saveVolume(volume: Volume): void {
    this.index(volume);
    this.journal.put('volume', volumeKey(volume), volume);
  }

  deleteVolume(volume: Volume): void {
    this.unindex(volumeKey(volume));
    this.journal.delete('volume', volumeKey(volume));
  }

  /** Takes the volume to another node or name in one step. */
  replaceVolume(old: Volume, next: Volume): void {
    if (volumeKey(old) !== volumeKey(next)) this.deleteVolume(old);
    this.saveVolume(next);
  }

  volume(node: string, id: string): Volume | undefined {
    const storage = this.storages.get(id.split(':')[0] ?? '');
    return this.volumes.get(`${storage?.options.shared ? '*' : node}/${id}`);
  }

  volumesOfGuest(vmid: number): Volume[] {
    return this.collect(this.byGuest.get(vmid));
  }

  volumesOfStorage(storage: string, node: string): Volume[] {
    return this.collect(this.byStorage.get(storage)).filter((volume) => volume.node === '*' || volume.node === node);
  }

  private collect(keys: Set<string> | undefined): Volume[] {
    return [...(keys ?? [])].flatMap((key) => this.volumes.get(key) ?? []);
  }

  saveStorage(storage: StorageRecord): void {
    this.storages.set(storage.storage, storage);
    this.journal.put('storage', storage.storage, storage);
  }

  deleteStorage(id: string): void {
    this.storages.delete(id);
    this.journal.delete('storage', id);
  }

  usedBytes(storage: string, node: string): number {
    return (this.takenOn.get(`${storage}/${node}`) ?? 0) + (this.takenOn.get(`${storage}/*`) ?? 0);
  }
}

const volumeKey = (volume: Volume) => `${volume.node}/${volumeId(volume)}`;
