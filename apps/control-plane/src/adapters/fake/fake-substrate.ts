import type { Clock } from '../../application/clock.port.js';
import type {
  CallContext,
  DoctorFinding,
  Figure,
  FigureRange,
  GuestAccess,
  GuestIdSource,
  GuestLocation,
  OwnedGuest,
  Substrate,
  UnfinishedGuest,
} from '../../application/substrates/substrate.port.js';
import type { GuestId } from '../../domain/ids.js';
import { type ProblemCode, Refusal, WorldFailure } from '../../domain/problem.js';
import type { GuestRule, GuestSpec, OwnershipStamp } from '../../domain/stack/guest-spec.js';
import type { GuestSettings, ObservedGuest, ObservedSubstrate } from '../../domain/stack/observed.js';

/** A guest of the fake. Tests may read and change it: that is what "by hand" means here. */
export interface FakeGuest {
  vmid: number;
  node: string;
  kind: 'container' | 'vm';
  name: string;
  status: 'running' | 'stopped';
  cpus: number;
  memoryMiB: number;
  diskGiB: number;
  volumes: Record<string, number>;
  /** `vmid` tells the guest itself from a copy made by hand, which copies the rest. */
  stamp?: OwnershipStamp & { vmid: number };
  lock?: string;
  searchDomain?: string;
  firewall?: { closed: boolean; rules: GuestRule[] };
  network?: GuestSpec['network'];
  startsAtBoot?: boolean;
  snapshots: Map<string, Pick<FakeGuest, 'cpus' | 'memoryMiB'>>;
  hostKeys: string[];
  sshPublicKey?: string;
}

export interface FakeSubstrateOptions {
  readonly name?: string;
  readonly nodes?: readonly string[];
  readonly storages?: readonly string[];
  readonly images?: readonly string[];
  /** Time that each task takes. */
  readonly taskMs?: number;
}

type Method = keyof Substrate;

/** The substrate port in memory, with the stamps, ids, locks and idempotency of the real one (same conformance suite). */
export class FakeSubstrate implements Substrate {
  readonly guests = new Map<number, FakeGuest>();
  readonly images: Set<string>;
  /** Disks that no guest names, by id. */
  readonly looseDisks = new Map<number, number>();
  readonly name: string;
  /** What was done to the world, in order: `create 104`, `start 104`. */
  readonly deeds: string[] = [];
  /** What the doctor finds. */
  findings: DoctorFinding[] = [];
  readonly #nodes: readonly string[];
  readonly #storages: readonly string[];
  readonly #failures: { method: Method; error: Error }[] = [];
  readonly #aborted = new Set<string>();
  #tasks = 0;

  constructor(
    private readonly clock: Clock,
    private readonly options: FakeSubstrateOptions = {},
  ) {
    this.name = options.name ?? 'fake';
    this.#nodes = options.nodes ?? ['fake1', 'fake2'];
    this.#storages = options.storages ?? ['local-zfs'];
    this.images = new Set(options.images ?? ['local:vztmpl/debian-12.tar.zst', 'template:9000']);
  }

  /** The next call of that method throws this instead of doing anything. */
  failNext(method: Method, error: Error): void {
    this.#failures.push({ method, error });
  }

  /** A running guest that is not ours. */
  addStranger(vmid: number, node = this.#nodes[0]!): FakeGuest {
    const guest: FakeGuest = {
      ...{ vmid, node, kind: 'container', name: `stranger-${vmid}`, status: 'running' },
      ...{ cpus: 1, memoryMiB: 512, diskGiB: 4, volumes: {}, snapshots: new Map(), hostKeys: [] },
    };
    this.guests.set(vmid, guest);
    return guest;
  }

  async observe(context: CallContext): Promise<ObservedSubstrate> {
    this.#begin('observe', context);
    const figures = { cpus: 8, memoryMiB: 32_768, freeMemoryMiB: 24_576, online: true };
    return {
      name: this.name,
      nodes: this.#nodes.map((name) => ({ name, ...figures })),
      storages: this.#nodes.flatMap((node) =>
        this.#storages.map((name) => ({ name, node, content: ['images', 'rootdir'], totalGiB: 1000, freeGiB: 900 })),
      ),
      guests: [...this.guests.values()].map((guest) => observed(guest)),
      images: this.#nodes.flatMap((node) => [...this.images].map((volume) => ({ node, volume }))),
    };
  }

  /** One point: the fake's guests idle. */
  async figures(at: GuestLocation, _range: FigureRange, context: CallContext): Promise<readonly Figure[]> {
    this.#begin('figures', context);
    const guest = this.guests.get(at.vmid);
    if (guest?.status !== 'running') return [];
    const memoryMaxBytes = guest.memoryMiB * 1024 ** 2;
    const disk = { diskBytes: 0, diskMaxBytes: guest.diskGiB * 1024 ** 3 };
    const point = { cpu: 0.01, memoryBytes: memoryMaxBytes / 4, memoryMaxBytes, ...disk, netIn: 0, netOut: 0 };
    return [{ at: this.clock.now(), ...point }];
  }

  async findGuest(guest: GuestId, context: CallContext): Promise<(ObservedGuest & GuestLocation) | undefined> {
    this.#begin('findGuest', context);
    const found = this.#stamped(guest);
    return found && { ...observed(found), kind: found.kind, volumes: { ...found.volumes } };
  }

  async guestSettings(guest: GuestId, at: GuestLocation, context: CallContext): Promise<GuestSettings | undefined> {
    this.#begin('guestSettings', context);
    const found = this.guests.get(at.vmid);
    if (!found) return undefined;
    const { network, stamp } = found;
    return {
      stamped: stamp?.guest === guest && stamp.vmid === found.vmid,
      startsAtBoot: found.startsAtBoot ?? false,
      ...{ cpus: found.cpus, memoryMiB: found.memoryMiB, diskGiB: found.diskGiB },
      ...(network ? { bridge: network.bridge, mac: network.mac } : {}),
      ...(network?.vlan === undefined ? {} : { vlan: network.vlan }),
    };
  }

  async createGuest(
    spec: GuestSpec,
    stamp: OwnershipStamp,
    access: GuestAccess,
    ids: GuestIdSource,
    context: CallContext,
  ): Promise<GuestLocation> {
    this.#begin('createGuest', context);
    if (spec.kind === 'vm' && spec.volumes.length > 0) throw refuse('change.unsupported', spec.key);
    if (spec.features.some((feature) => feature !== 'nesting')) throw refuse('change.unsupported', spec.key);
    for (let vmid = spec.vmid; ; ) {
      const own = this.#stamped(stamp.guest);
      if (own) {
        await this.#unlocked(own, context);
        return at(own);
      }
      if (this.guests.has(vmid) || this.looseDisks.has(vmid)) {
        vmid = await ids.next(vmid);
        continue;
      }
      await context.asking?.(vmid);
      const guest: FakeGuest = {
        ...{ vmid, node: spec.node, kind: spec.kind, name: spec.hostname, status: 'stopped' },
        ...{ cpus: spec.cpus, memoryMiB: spec.memoryMiB, diskGiB: spec.diskGiB, snapshots: new Map() },
        volumes: Object.fromEntries(spec.volumes.map((v) => [v.path, v.sizeGiB])),
        stamp: { ...stamp, vmid },
        network: spec.network,
        startsAtBoot: true,
        lock: 'create',
        searchDomain: spec.domain,
        hostKeys: [`ssh-ed25519 ${Buffer.from(`\0\0\0\x0bssh-ed25519\0\0\0\x20${stamp.guest}`).toString('base64')}`],
        sshPublicKey: access.sshPublicKey,
      };
      const begun = await this.#task(`create ${vmid}`, context, () => {
        // Somebody was faster: the next round sees who.
        if (this.guests.has(vmid) || this.#stamped(stamp.guest)) return false;
        this.guests.set(vmid, guest);
        return true;
      });
      if (!begun) continue;
      delete guest.lock;
      return at(guest);
    }
  }

  async startGuest(owned: OwnedGuest, context: CallContext): Promise<void> {
    await this.#change('startGuest', owned, context, async (guest) => {
      if (guest.status === 'running') return;
      await this.#task(`start ${guest.vmid}`, context);
      guest.status = 'running';
    });
  }

  async stopGuest(owned: OwnedGuest, _graceMs: number, context: CallContext): Promise<void> {
    await this.#change('stopGuest', owned, context, async (guest) => this.#stop(guest, context), 'gone is fine');
  }

  async destroyGuest(owned: OwnedGuest, context: CallContext): Promise<void> {
    const destroy = async (guest: FakeGuest) => {
      await this.#stop(guest, context);
      await this.#task(`destroy ${guest.vmid}`, context);
      this.guests.delete(guest.vmid);
    };
    await this.#change('destroyGuest', owned, context, destroy, 'gone is fine');
  }

  async clearGuest(left: UnfinishedGuest, context: CallContext): Promise<void> {
    this.#begin('clearGuest', context);
    const vmids = left.vmids.filter((vmid) => vmid !== left.spare);
    const own = () => [...this.guests.values()].filter((g) => g.vmid !== left.spare && isStamped(g, left.stamp));
    for (const guest of own()) {
      if (guest.lock === 'create') throw refuse('guest.unfinished', `guest ${guest.vmid} on ${guest.node}`);
      await this.destroyGuest({ guest: left.stamp.guest, stamp: left.stamp, at: at(guest) }, context);
    }
    for (const vmid of vmids) {
      const there = this.guests.get(vmid);
      if (there?.lock === 'create' && !there.stamp) throw refuse('guest.unfinished', `guest ${vmid} on ${there.node}`);
      if (there || !this.looseDisks.has(vmid)) continue;
      await this.#task(`remove disks ${vmid}`, context);
      this.looseDisks.delete(vmid);
    }
  }

  async setStartsAtBoot(owned: OwnedGuest, starts: boolean, context: CallContext): Promise<void> {
    await this.#change('setStartsAtBoot', owned, context, async (guest) => {
      if ((guest.startsAtBoot ?? false) === starts) return;
      await context.fence();
      guest.startsAtBoot = starts;
      this.deeds.push(`starts at boot ${guest.vmid} ${starts}`);
    });
  }

  async resizeGuest(
    owned: OwnedGuest,
    size: { cpus: number; memoryMiB: number; reboot: boolean },
    context: CallContext,
  ): Promise<void> {
    await this.#change('resizeGuest', owned, context, async (guest) => {
      if (guest.cpus === size.cpus && guest.memoryMiB === size.memoryMiB) return;
      await this.#task(`resize ${guest.vmid}`, context);
      Object.assign(guest, { cpus: size.cpus, memoryMiB: size.memoryMiB });
    });
  }

  async growDisk(
    owned: OwnedGuest,
    disk: 'root' | { path: string },
    sizeGiB: number,
    context: CallContext,
  ): Promise<void> {
    await this.#change('growDisk', owned, context, async (guest) => {
      const size = disk === 'root' ? guest.diskGiB : guest.volumes[disk.path];
      if (size === undefined) throw fail('guest.disk_missing', `guest ${guest.vmid} has no such volume`);
      if (size > sizeGiB) throw refuse('change.unsupported', `disk of guest ${guest.vmid}`);
      if (size === sizeGiB) return;
      await this.#task(`grow ${guest.vmid}`, context);
      if (disk === 'root') guest.diskGiB = sizeGiB;
      else guest.volumes[disk.path] = sizeGiB;
    });
  }

  async moveGuest(owned: OwnedGuest, node: string, running: boolean, context: CallContext): Promise<GuestLocation> {
    await this.#change('moveGuest', owned, context, async (guest) => {
      if (guest.node === node) return;
      await this.#task(`move ${guest.vmid}`, context);
      guest.node = node;
      if (running) guest.status = 'running';
    });
    return { ...owned.at, node };
  }

  async setSearchDomain(owned: OwnedGuest, domain: string, context: CallContext): Promise<void> {
    await this.#change('setSearchDomain', owned, context, async (guest) => {
      if (guest.searchDomain === domain) return;
      await context.fence();
      guest.searchDomain = domain;
      this.deeds.push(`search domain ${guest.vmid} ${domain}`);
    });
  }

  async setFirewall(owned: OwnedGuest, rules: readonly GuestRule[], context: CallContext): Promise<void> {
    this.#begin('setFirewall', context);
    const guest = this.#owned(owned) ?? gone(owned);
    const wanted = { closed: true, rules: [...rules] };
    if (JSON.stringify(guest.firewall) === JSON.stringify(wanted)) return;
    await context.fence();
    guest.firewall = wanted;
    this.deeds.push(`firewall ${guest.vmid}`);
  }

  async snapshotGuest(owned: OwnedGuest, name: string, context: CallContext): Promise<void> {
    await this.#change('snapshotGuest', owned, context, async (guest) => {
      if (guest.snapshots.has(name)) return;
      await this.#task(`snapshot ${guest.vmid} ${name}`, context);
      guest.snapshots.set(name, { cpus: guest.cpus, memoryMiB: guest.memoryMiB });
    });
  }

  async rollbackGuest(owned: OwnedGuest, name: string, context: CallContext): Promise<void> {
    await this.#change('rollbackGuest', owned, context, async (guest) => {
      const point = guest.snapshots.get(name);
      if (!point) throw fail('guest.snapshot_missing', `guest ${guest.vmid} has no snapshot ${name}`);
      await this.#task(`rollback ${guest.vmid} ${name}`, context);
      Object.assign(guest, point, { status: 'stopped' });
    });
  }

  async removeSnapshot(owned: OwnedGuest, name: string, context: CallContext): Promise<void> {
    const remove = async (guest: FakeGuest) => {
      if (!guest.snapshots.has(name)) return;
      await this.#task(`drop ${guest.vmid} ${name}`, context);
      guest.snapshots.delete(name);
    };
    await this.#change('removeSnapshot', owned, context, remove, 'gone is fine');
  }

  async readHostKeys(owned: OwnedGuest, context: CallContext): Promise<readonly string[]> {
    this.#begin('readHostKeys', context);
    const guest = this.#owned(owned) ?? gone(owned);
    await this.#until(() => guest.status === 'running', `host keys of guest ${guest.vmid}`, context);
    return guest.hostKeys;
  }

  async ensureImage(
    image: { node: string; volume: string; url?: string; sha256?: string },
    context: CallContext,
  ): Promise<void> {
    this.#begin('ensureImage', context);
    if (this.images.has(image.volume)) return;
    if (image.url === undefined) throw refuse('artifact.missing', image.volume);
    await this.#task(`download ${image.volume}`, context);
    this.images.add(image.volume);
  }

  async abortTask(task: string, context: CallContext): Promise<void> {
    this.#begin('abortTask', context);
    this.#aborted.add(task);
    this.deeds.push(`abort ${task}`);
  }

  async doctor(context: CallContext): Promise<readonly DoctorFinding[]> {
    this.#begin('doctor', context);
    const checks = ['version', 'permission', 'quorum', 'node', 'storage', 'image', 'bridge', 'firewall', 'time'];
    const fine = checks.map((code) => ({ severity: 'ok', code, subject: this.name, message: 'fine' }) as const);
    return [...fine, ...this.findings];
  }

  #begin(method: Method, context: CallContext): void {
    context.signal.throwIfAborted();
    const index = this.#failures.findIndex((f) => f.method === method);
    if (index >= 0) throw this.#failures.splice(index, 1)[0]!.error;
  }

  #stamped(guest: GuestId): FakeGuest | undefined {
    return [...this.guests.values()].find((g) => g.stamp?.guest === guest && g.stamp.vmid === g.vmid);
  }

  #owned(owned: OwnedGuest): FakeGuest | undefined {
    const found = this.#stamped(owned.guest);
    if (found && found.stamp?.site === owned.stamp.site && found.stamp.stack === owned.stamp.stack) return found;
    if (!this.guests.has(owned.at.vmid)) return undefined;
    throw refuse('guest.not_ours', `guest ${owned.at.vmid} on ${owned.at.node}`);
  }

  async #change(
    method: Method,
    owned: OwnedGuest,
    context: CallContext,
    work: (guest: FakeGuest) => Promise<void>,
    absence: 'gone is fine' | 'must exist' = 'must exist',
  ): Promise<void> {
    this.#begin(method, context);
    const guest = this.#owned(owned);
    if (!guest) {
      if (absence === 'gone is fine') return;
      gone(owned);
    }
    await this.#unlocked(guest!, context);
    const still = this.#owned(owned);
    if (still) await work(still);
  }

  async #stop(guest: FakeGuest, context: CallContext): Promise<void> {
    if (guest.status === 'stopped') return;
    await this.#task(`stop ${guest.vmid}`, context);
    guest.status = 'stopped';
  }

  #unlocked(guest: FakeGuest, context: CallContext): Promise<void> {
    return this.#until(() => guest.lock === undefined, `lock (${guest.lock}) of guest ${guest.vmid}`, context);
  }

  /** An outside task: fenced, made known, takes its time, heard when aborted. `first` happens as it begins. */
  async #task(what: string, context: CallContext, first?: () => boolean): Promise<boolean> {
    await context.fence();
    if (first && !first()) return false;
    this.#tasks += 1;
    const task = `fake-task-${this.#tasks}`;
    this.deeds.push(what);
    await context.taskStarted?.(task);
    context.log?.(what);
    if (!this.options.taskMs) return true;
    context.waitingFor?.(what);
    await this.clock.sleep(this.options.taskMs, context.signal);
    if (this.#aborted.has(task)) throw fail('substrate.task_aborted', `${what}: received interrupt`, 'now');
    return true;
  }

  async #until(holds: () => boolean, what: string, context: CallContext): Promise<void> {
    for (let said = false; !holds(); said = true) {
      if (!said) context.waitingFor?.(what);
      if (this.clock.now() >= context.deadline) {
        throw fail('substrate.deadline', `The time ran out while waiting for: ${what}`, 'later');
      }
      await this.clock.sleep(50, context.signal);
    }
  }
}

const isStamped = ({ stamp, vmid }: FakeGuest, { guest, site, stack }: OwnershipStamp): boolean =>
  stamp?.vmid === vmid && stamp.guest === guest && stamp.site === site && stamp.stack === stack;

const at = ({ vmid, node, kind }: FakeGuest): GuestLocation => ({ vmid, node, kind });

const observed = (guest: FakeGuest): ObservedGuest => ({
  ...at(guest),
  name: guest.name,
  status: guest.status,
  ...(guest.stamp && guest.stamp.vmid === guest.vmid ? { stamp: guest.stamp.guest } : {}),
  ...{ cpus: guest.cpus, memoryMiB: guest.memoryMiB, diskGiB: guest.diskGiB },
  ...(guest.lock ? { lock: guest.lock } : {}),
});

const refuse = (code: ProblemCode, subject: string) =>
  new Refusal({ code, subject, message: 'The fake substrate refuses, as the real one does.', remedy: 'See the port.' });

const fail = (code: string, message: string, retryable: 'now' | 'later' | 'never' = 'never') =>
  new WorldFailure({ code, retryable, message });

function gone(owned: OwnedGuest): never {
  throw fail('guest.not_found', `guest ${owned.at.vmid} (${owned.guest}) is gone`);
}
